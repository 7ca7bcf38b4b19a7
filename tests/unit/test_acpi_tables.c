// SPDX-License-Identifier: MIT
// What is read from each of ACPI's tables, and what is not believed.
#include "acpi_fixture.h"

// ---- processors --------------------------------------------------------------------------------

static void madt_that_ends_early_keeps_what_came_before(void **state)
{
    (void)state;
    static const uint8_t lengths[] = {0, 1, 200};
    for (size_t i = 0; i < sizeof(lengths); i++) {
        uint8_t body[] = {0, 0, 0xE0, 0xFE, 0, 0, 0, 0, 0, 8, 1, 7,
                          1, 0, 0,    0,    0, 0, 2, 8, 1, 0, 0, 0};
        body[17] = lengths[i];
        setup(NULL);
        put_table("APIC", body, sizeof(body));
        put_roots(2);
        assert_int_equal(parse(), 0);
        assert_int_equal(facts.cpu_count, 1);
        assert_int_equal(facts.cpus[0].apic_id, 7);
        assert_int_equal(facts.local_apic_phys, 0xFEE00000);
        assert_true(host_log_has("read up to offset 52 only"));
    }
}

static void madt_entries_too_short_are_skipped(void **state)
{
    (void)state;
    static const uint8_t body[] = {0, 0, 0xE0, 0xFE, 0, 0, 0, 0, // flags
                                   0, 7, 1,    1,    1, 0, 0,    // one byte short
                                   9, 4, 0,    0,                // far too short
                                   5, 2,                         //
                                   0, 8, 3,    3,    1, 0, 0, 0};
    put_table("APIC", body, sizeof(body));
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.cpu_count, 1);
    assert_int_equal(facts.cpus[0].apic_id, 3);
    assert_int_equal(facts.local_apic_phys, 0xFEE00000);
    assert_true(host_log_has("3 senseless entries skipped, the first at offset 44"));
}

static void madt_says_where_isa_interrupts_arrive(void **state)
{
    (void)state;
    static const uint8_t body[] = {
        0,  0,  0xE0, 0xFE, 1, 0, 0,    0,                  // flags
        1,  12, 1,    0,    0, 0, 0xC1, 0xFE,               // another I/O APIC,
        24, 0,  0,    0,                                    // from interrupt 24 on
        1,  12, 0,    0,    0, 0, 0xC0, 0xFE, 0,   0, 0, 0, //
        2,  10, 0,    4,    9, 0, 0,    0,    0xD, 0,       // 4 is 9: low, level
        2,  10, 1,    5,    9, 0, 0,    0,    0,   0,       // another bus
        2,  10, 0,    16,   9, 0, 0,    0,    0,   0,       // there are 16
        2,  9,  0,    3,    9, 0, 0,    0,    0};           // one byte short
    put_table("APIC", body, sizeof(body));
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.io_apic_phys, 0xFEC00000);
    assert_int_equal(facts.isa_interrupts[4].global_number, 9);
    assert_int_equal(facts.isa_interrupts[4].flags, 0xD);
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4)
            continue;
        assert_int_equal(facts.isa_interrupts[i].global_number, i);
        assert_int_equal(facts.isa_interrupts[i].flags, 0);
    }
    assert_true(host_log_has("3 senseless entries skipped"));
}

static void madt_with_too_many_processors_counts_the_rest(void **state)
{
    (void)state;
    static uint8_t body[8 + (ACPI_CPUS_MAX + 3) * 16];
    for (uint32_t i = 0; i < ACPI_CPUS_MAX + 3; i++) {
        uint8_t *entry = body + 8 + i * 16;
        entry[0] = 9;
        entry[1] = 16;
        memcpy(entry + 4, &i, 4);
        entry[8] = 1;
        memcpy(entry + 12, &i, 4);
    }
    put_table("APIC", body, sizeof(body));
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.cpu_count, ACPI_CPUS_MAX);
    assert_int_equal(facts.cpus_left_out, 3);
    assert_int_equal(facts.cpus[ACPI_CPUS_MAX - 1].apic_id, ACPI_CPUS_MAX - 1);
    assert_true(host_log_has("3 processors left out"));
}

// It may come before the processors that it speaks of.

// ---- nodes -------------------------------------------------------------------------------------

static uint8_t srat_body[12 + 8 * 40];
static size_t srat_bytes;

static void srat_begin(void)
{
    memset(srat_body, 0, sizeof(srat_body));
    srat_bytes = 12; // reserved
}

// One entry: zeros but for these fields, each of four bytes.
static void srat_add(uint8_t type, uint8_t size_bytes, const uint32_t (*fields)[2], size_t count)
{
    uint8_t *entry = srat_body + srat_bytes;
    entry[0] = type;
    entry[1] = size_bytes;
    for (size_t i = 0; i < count; i++)
        memcpy(entry + fields[i][0], &fields[i][1], 4);
    srat_bytes += size_bytes;
}

static void srat_add_memory(uint32_t domain, uint64_t start, uint64_t size_bytes, uint32_t flags)
{
    const uint32_t fields[][2] = {{2, domain},
                                  {8, (uint32_t)start},
                                  {12, (uint32_t)(start >> 32)},
                                  {16, (uint32_t)size_bytes},
                                  {20, (uint32_t)(size_bytes >> 32)},
                                  {28, flags}};
    srat_add(1, 40, fields, 6);
}

// The processor of an id below 256; the domain's parts lie apart.
static void srat_add_apic(uint8_t domain, uint8_t apic_id, uint32_t flags)
{
    srat_body[srat_bytes + 2] = domain;
    srat_body[srat_bytes + 3] = apic_id;
    const uint32_t fields[][2] = {{4, flags}};
    srat_add(0, 16, fields, 1);
}

static void srat_add_x2apic(uint32_t domain, uint32_t apic_id, uint32_t flags)
{
    const uint32_t fields[][2] = {{4, domain}, {8, apic_id}, {12, flags}};
    srat_add(2, 24, fields, 3);
}

static void nodes_are_read(void **state)
{
    (void)state;
    srat_begin();
    srat_add_apic(3, 0, 1);
    srat_add_x2apic(0x10000, 0x1234, 1);
    srat_add_x2apic(7, 0x5555, 1); // not in this machine
    srat_add_memory(3, 0, 0x80000000, 1);
    srat_add_memory(3, 0x100000000, 0x40000000, 1);
    srat_add_memory(0x10000, 0x140000000, 0xC0000000, 1);
    srat_add_memory(9, 0x200000000, 0x40000000, 0); // not enabled
    put_table("SRAT", srat_body, srat_bytes);
    put_machine(2);
    assert_int_equal(parse(), 0);
    assert_machine();
    assert_false(host_log_has("SRAT"));
    assert_int_equal(facts.cpus[0].domain, 3);
    assert_int_equal(facts.cpus[1].domain, 0x10000);
    assert_int_equal(facts.memory_count, 3);
    assert_int_equal(facts.memory[1].start_phys, 0x100000000);
    assert_int_equal(facts.memory[1].size_bytes, 0x40000000);
    assert_int_equal(facts.memory[2].domain, 0x10000);
}

static void without_nodes_no_domain_is_known(void **state)
{
    (void)state;
    put_machine(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.memory_count, 0);
    assert_int_equal(facts.cpus[0].domain, ACPI_NO_DOMAIN);
}

static void senseless_nodes_are_skipped(void **state)
{
    (void)state;
    srat_begin();
    srat_add_memory(0, 0, 0x1000000, 1);
    srat_add_memory(1, 0x800000, 0x1000000, 1);   // overlaps another node
    srat_add_memory(1, UINT64_MAX - 9, 0x100, 1); // wraps
    srat_add_memory(1, 0x1000000, 0, 1);          // nothing, but no mistake
    srat_add(1, 39, NULL, 0);                     // too short
    srat_add(0, 15, NULL, 0);
    srat_add(2, 23, NULL, 0);
    srat_add(77, 2, NULL, 0); // of a later version
    put_table("SRAT", srat_body, srat_bytes);
    put_machine(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.memory_count, 1);
    assert_true(host_log_has("acpi: SRAT: 5 senseless entries skipped, the first at offset 88"));
    // An entry that claims more than is left.
    setup(NULL);
    srat_begin();
    srat_add_memory(0, 0, 0x1000000, 1);
    srat_body[12 + 1] = 41;
    put_table("SRAT", srat_body, srat_bytes);
    put_table("SRAT", srat_body, 4);
    put_machine(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.memory_count, 0);
    assert_true(host_log_has("acpi: SRAT: read up to offset 48 only"));
    assert_true(host_log_has("it is the second one"));
}

// ---- devices -----------------------------------------------------------------------------------

static void mcfg_windows_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint64_t base;
        uint8_t first, last;
        size_t expected;
    } cases[] = {
        {0xE0000000, 0, 255, 1}, {0x800000000, 16, 31, 1}, {0, 0, 255, 0},
        {0xE0000000, 9, 8, 0},   {0xE0000001, 0, 255, 0},  {0xFFFFFFFFFFFFF000, 0, 255, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        put_mcfg(cases[i].base, 3, cases[i].first, cases[i].last);
        put_roots(2);
        assert_int_equal(parse(), 0);
        assert_int_equal(facts.ecam_count, cases[i].expected);
        assert_int_equal(host_log_has("senseless"), cases[i].expected == 0);
        if (cases[i].expected == 0)
            continue;
        assert_int_equal(facts.ecam[0].base_phys, cases[i].base);
        assert_int_equal(facts.ecam[0].segment, 3);
        assert_int_equal(facts.ecam[0].first_bus, cases[i].first);
        assert_int_equal(facts.ecam[0].last_bus, cases[i].last);
    }
}

static void mcfg_overlaps_and_surplus_are_left_out(void **state)
{
    (void)state;
    uint8_t body[8 + 20 * 16] = {0};
    for (uint16_t i = 0; i < 20; i++) {
        uint64_t base = 0x100000000ull * (i + 1u);
        uint16_t segment = i == 1 ? 0 : i;
        memcpy(body + 8 + i * 16, &base, 8);
        memcpy(body + 16 + i * 16, &segment, 2);
        body[19 + i * 16] = 10;
    }
    put_table("MCFG", body, sizeof(body));
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.ecam_count, ACPI_SEGMENTS_MAX);
    assert_int_equal(facts.ecam[1].segment, 2);
    assert_true(host_log_has("MCFG: 1 senseless entries skipped"));
    assert_true(host_log_has("MCFG: 3 PCI windows left out"));
}

static void hpet_must_be_in_memory(void **state)
{
    (void)state;
    static const struct {
        uint8_t space;
        uint64_t address, expected;
    } cases[] = {{0, 0xFED00000, 0xFED00000}, {1, 0xFED00000, 0}, {0, 0, 0}, {0, 0xFED00001, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        put_hpet(cases[i].space, cases[i].address);
        put_roots(0);
        assert_int_equal(parse(), 0);
        assert_int_equal(facts.hpet_phys, cases[i].expected);
        assert_int_equal(host_log_has("HPET skipped"), cases[i].expected == 0);
    }
}

static void pm_timer_prefers_the_extended_address(void **state)
{
    (void)state;
    static const struct {
        uint32_t legacy;
        uint64_t extended;
        uint32_t flags;
        size_t length;
        uint16_t port;
        bool is_32bit;
    } cases[] = {
        {0x408, 0x608, 0x100, 244, 0x608, true}, {0x408, 0, 0, 244, 0x408, false},
        {0x408, 0x608, 0, 116, 0x408, false},    {0, 0, 0x100, 244, 0, false},
        {0x408, 0x608, 1u << 20, 244, 0, false}, {0x12345, 0, 0, 244, 0, false},
        {0x408, 0xFFFD, 0, 244, 0, false},       {0x408, 0x608, 0, 115, 0, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        put_fadt(cases[i].legacy, cases[i].extended, cases[i].flags, cases[i].length);
        put_roots(2);
        assert_int_equal(parse(), 0);
        assert_int_equal(facts.pm_timer_port, cases[i].port);
        assert_int_equal(facts.pm_timer_is_32bit, cases[i].is_32bit);
    }
}

static void serial_port_is_one_at_io_ports(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, space;
        uint64_t address;
        uint16_t port;
        bool absent;
    } cases[] = {
        {0, 1, 0x3F8, 0x3F8, false},   {1, 1, 0x2F8, 0x2F8, false}, {0x12, 1, 0x3E8, 0x3E8, false},
        {0, 0, 0xFE034000, 0, true},   {3, 0, 0x9000000, 0, true},  {0, 1, 0, 0, false},
        {0, 1, 0xFFFFFFFFFF, 0, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        put_spcr(cases[i].type, cases[i].space, cases[i].address);
        put_roots(2);
        assert_int_equal(parse(), 0);
        assert_int_equal(facts.serial_port, cases[i].port);
        assert_int_equal(facts.serial_port_absent, cases[i].absent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(madt_that_ends_early_keeps_what_came_before, setup),
        cmocka_unit_test_setup(madt_entries_too_short_are_skipped, setup),
        cmocka_unit_test_setup(madt_says_where_isa_interrupts_arrive, setup),
        cmocka_unit_test_setup(madt_with_too_many_processors_counts_the_rest, setup),
        cmocka_unit_test_setup(nodes_are_read, setup),
        cmocka_unit_test_setup(without_nodes_no_domain_is_known, setup),
        cmocka_unit_test_setup(senseless_nodes_are_skipped, setup),
        cmocka_unit_test_setup(mcfg_windows_are_checked, setup),
        cmocka_unit_test_setup(mcfg_overlaps_and_surplus_are_left_out, setup),
        cmocka_unit_test_setup(hpet_must_be_in_memory, setup),
        cmocka_unit_test_setup(pm_timer_prefers_the_extended_address, setup),
        cmocka_unit_test_setup(serial_port_is_one_at_io_ports, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
