// SPDX-License-Identifier: MIT
// ACPI parsing against tables built by hand. Physical memory is one array of which only what the
// parser has mapped is readable: the sanitizer catches every byte read beyond.
#include "host.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <string.h>

#include "kernel/acpi.h"

#define MEMORY_PHYS  0x1000u
#define MEMORY_BYTES 65536u
#define RSDP_PHYS    0x1000u
#define RSDT_PHYS    0x1040u
#define XSDT_PHYS    0x10C0u
#define TABLES_PHYS  0x1200u

static _Alignas(16) uint8_t memory[MEMORY_BYTES];
static uint8_t image[MEMORY_BYTES]; // what `memory` is built from; never poisoned
static size_t image_used;           // of the tables, from TABLES_PHYS on
static uint64_t tables[16];
static size_t table_count;
static struct acpi_facts facts;

static uint8_t *at(uint64_t phys)
{
    return image + (phys - MEMORY_PHYS);
}

static void put(uint64_t phys, uint64_t value, size_t size_bytes)
{
    memcpy(at(phys), &value, size_bytes);
}

static void fix_checksum(uint64_t phys, size_t size_bytes, size_t checksum_offset)
{
    uint8_t sum = 0;
    at(phys)[checksum_offset] = 0;
    for (size_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + at(phys)[i]);
    at(phys)[checksum_offset] = (uint8_t)-sum;
}

static uint64_t put_table_at(uint64_t phys, const char *name, const void *body, size_t body_bytes)
{
    memset(at(phys), 0, 36);
    memcpy(at(phys), name, 4);
    put(phys + 4, 36 + body_bytes, 4);
    memcpy(at(phys + 36), body, body_bytes);
    fix_checksum(phys, 36 + body_bytes, 9);
    return phys;
}

static uint64_t put_table(const char *name, const void *body, size_t body_bytes)
{
    uint64_t phys = put_table_at(TABLES_PHYS + image_used, name, body, body_bytes);
    image_used += (36 + body_bytes + 15) & ~(size_t)15;
    tables[table_count++] = phys;
    return phys;
}

static void put_roots(uint8_t revision)
{
    uint8_t body[16 * 8] = {0};
    for (size_t i = 0; i < table_count; i++)
        memcpy(body + i * 4, &tables[i], 4);
    put_table_at(RSDT_PHYS, "RSDT", body, table_count * 4);
    for (size_t i = 0; i < table_count; i++)
        memcpy(body + i * 8, &tables[i], 8);
    put_table_at(XSDT_PHYS, "XSDT", body, table_count * 8);

    memset(at(RSDP_PHYS), 0, 36);
    memcpy(at(RSDP_PHYS), "RSD PTR ", 8);
    at(RSDP_PHYS)[15] = revision;
    put(RSDP_PHYS + 16, RSDT_PHYS, 4);
    put(RSDP_PHYS + 20, 36, 4);
    put(RSDP_PHYS + 24, XSDT_PHYS, 8);
    fix_checksum(RSDP_PHYS, 20, 8);
    fix_checksum(RSDP_PHYS, 36, 32);
}

static const void *map(uint64_t phys, size_t size_bytes)
{
    if (phys < MEMORY_PHYS || phys - MEMORY_PHYS > MEMORY_BYTES ||
        size_bytes > MEMORY_BYTES - (phys - MEMORY_PHYS))
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(memory + (phys - MEMORY_PHYS), size_bytes);
    return memory + (phys - MEMORY_PHYS);
}

static int parse(void)
{
    host_log_clear();
    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    memcpy(memory, image, sizeof(memory));
    ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
    int result = acpi_parse(RSDP_PHYS, map, &facts);
    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    return result;
}

static int setup(void **state)
{
    (void)state;
    memset(image, 0, sizeof(image));
    image_used = 0;
    table_count = 0;
    return 0;
}

// ---- tables like those of a small real machine --------------------------------------------------

static const uint8_t madt_body[] = {
    0, 0,  0xE0, 0xFE, 1,    0,    0,    0,                             // local APICs at 0xFEE00000
    0, 8,  10,   0,    1,    0,    0,    0,                             // enabled
    0, 8,  11,   1,    0,    0,    0,    0,                             // disabled
    0, 8,  12,   2,    2,    0,    0,    0,                             // only online capable
    1, 12, 0,    0,    0,    0,    0xC0, 0xFE, 0, 0, 0, 0,              // an I/O APIC
    9, 16, 0,    0,    0,    0,    0,    0,    1, 0, 0, 0, 20, 0, 0, 0, // id 0 again
    9, 16, 0,    0,    0x34, 0x12, 0,    0,    1, 0, 0, 0, 21, 0, 0, 0, // id 0x1234
    0, 8,  13,   0xFF, 1,    0,    0,    0,                             // broadcast: senseless
    5, 12, 0,    0,    0,    0,    0xE1, 0xFE, 1, 0, 0, 0, // local APICs at 0x1FEE10000
};

static void put_fadt(uint32_t legacy_port, uint64_t extended_port, uint32_t flags, size_t length)
{
    uint8_t body[244 - 36] = {0};
    memcpy(body + 76 - 36, &legacy_port, 4);
    body[91 - 36] = 4;
    memcpy(body + 112 - 36, &flags, 4);
    body[208 - 36] = 1;
    body[209 - 36] = 32;
    memcpy(body + 212 - 36, &extended_port, 8);
    put_table("FACP", body, length - 36);
}

static void put_mcfg(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
    uint8_t body[8 + 16] = {0};
    memcpy(body + 8, &base, 8);
    memcpy(body + 16, &segment, 2);
    body[18] = first;
    body[19] = last;
    put_table("MCFG", body, sizeof(body));
}

static void put_hpet(uint8_t address_space, uint64_t address)
{
    uint8_t body[20] = {0};
    body[4] = address_space;
    memcpy(body + 8, &address, 8);
    put_table("HPET", body, sizeof(body));
}

static void put_spcr(uint8_t type, uint8_t address_space, uint64_t address)
{
    uint8_t body[44] = {0};
    body[0] = type;
    body[4] = address_space;
    memcpy(body + 8, &address, 8);
    put_table("SPCR", body, sizeof(body));
}

static void put_machine(uint8_t revision)
{
    put_table("APIC", madt_body, sizeof(madt_body));
    put_fadt(0x408, 0x608, 1u << 8, 244);
    put_mcfg(0xB0000000, 0, 0, 255);
    put_hpet(0, 0xFED00000);
    put_spcr(0, 1, 0x2F8);
    put_table("SSDT", "x", 1);
    put_roots(revision);
}

static void assert_machine(void)
{
    assert_int_equal(facts.local_apic_phys, 0x1FEE10000);
    assert_int_equal(facts.cpu_count, 2);
    assert_int_equal(facts.cpus[0].apic_id, 0);
    assert_int_equal(facts.cpus[0].processor_uid, 10);
    assert_int_equal(facts.cpus[1].apic_id, 0x1234);
    assert_int_equal(facts.cpus[1].processor_uid, 21);
    assert_int_equal(facts.cpus_disabled, 2);
    assert_int_equal(facts.cpus_left_out, 0);
    assert_int_equal(facts.ecam_count, 1);
    assert_int_equal(facts.ecam[0].base_phys, 0xB0000000);
    assert_int_equal(facts.ecam[0].last_bus, 255);
    assert_int_equal(facts.hpet_phys, 0xFED00000);
    assert_int_equal(facts.pm_timer_port, 0x608);
    assert_true(facts.pm_timer_is_32bit);
    assert_int_equal(facts.fadt_bytes, sizeof(facts.fadt));
    assert_memory_equal(facts.fadt, "FACP", 4);
    assert_int_equal(facts.fadt[76] | facts.fadt[77] << 8, 0x408);
    assert_int_equal(facts.serial_port, 0x2F8);
    assert_false(facts.serial_port_absent);
}

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

// ---- the root -----------------------------------------------------------------------------------

static void whole_machine_is_read(void **state)
{
    (void)state;
    for (int revision = 0; revision <= 2; revision += 2) {
        setup(NULL);
        put_machine((uint8_t)revision);
        assert_int_equal(parse(), 0);
        assert_machine();
        assert_true(host_log_has("APIC: 1 senseless entries skipped, the first at offset 112"));
    }
}

static void revision_0_does_not_look_at_the_xsdt(void **state)
{
    (void)state;
    put_machine(0);
    memset(at(XSDT_PHYS), 0xFF, 36);
    assert_int_equal(parse(), 0);
    assert_machine();
    assert_false(host_log_has("root"));
}

static void revision_2_prefers_the_xsdt(void **state)
{
    (void)state;
    put_machine(2);
    memset(at(RSDT_PHYS), 0xFF, 36);
    assert_int_equal(parse(), 0);
    assert_machine();
}

static void broken_xsdt_falls_back_to_the_rsdt(void **state)
{
    (void)state;
    put_machine(2);
    at(XSDT_PHYS)[36] ^= 1;
    assert_int_equal(parse(), 0);
    assert_machine();
    assert_true(host_log_has("XSDT at 0x10c0 skipped: its checksum is wrong"));

    put_roots(2);
    memcpy(at(XSDT_PHYS), "Q\x01\xC3T", 4); // and unprintable bytes do not reach the console
    fix_checksum(XSDT_PHYS, 36 + table_count * 8, 9);
    assert_int_equal(parse(), 0);
    assert_machine();
    assert_true(host_log_has("it is named Q??T instead of XSDT"));

    put_roots(2);
    at(RSDP_PHYS)[33] ^= 1; // only the extended checksum covers it
    assert_int_equal(parse(), 0);
    assert_machine();
    assert_true(host_log_has("its extended part is broken"));

    put_roots(2);
    put(RSDP_PHYS + 20, 35, 4); // a length too short for the XSDT's address
    assert_int_equal(parse(), 0);
    assert_machine();
    put(RSDP_PHYS + 20, 0xFFFFFFFF, 4);
    assert_int_equal(parse(), 0);
    assert_machine();
}

static void assert_no_facts(void)
{
    static const struct acpi_facts none;
    assert_memory_equal(&facts, &none, sizeof(none));
}

static void unusable_root_pointer_is_an_error(void **state)
{
    (void)state;
    put_machine(2);
    at(RSDP_PHYS)[8] ^= 1;
    assert_int_equal(parse(), -EINVAL);
    assert_no_facts();
    assert_true(host_log_has("its checksum is wrong"));

    put_roots(2);
    at(RSDP_PHYS)[0] = 'r';
    assert_int_equal(parse(), -EINVAL);
    assert_no_facts();
    assert_true(host_log_has("its signature is wrong"));

    host_log_clear();
    assert_int_equal(acpi_parse(0, map, &facts), -EINVAL);
    assert_true(host_log_has("gave no root pointer"));
    assert_int_equal(acpi_parse(0x900000, map, &facts), -EINVAL);
    assert_true(host_log_has("not in readable memory"));
    assert_int_equal(acpi_parse(UINT64_MAX - 3, map, &facts), -EINVAL);

    put_roots(2);
    at(XSDT_PHYS)[4] = 0;
    at(RSDT_PHYS)[4] = 0;
    assert_int_equal(parse(), -EINVAL);
    assert_no_facts();
    assert_true(host_log_has("no usable list of tables"));
}

static void one_broken_table_leaves_the_others(void **state)
{
    (void)state;
    static const struct {
        uint32_t length;
        const char *complaint;
    } cases[] = {
        {35, "APIC at 0x1200 skipped: its length says 35 bytes"},
        {0, "its length says 0 bytes"},
        {0xFFFFFFFF, "its length says 4294967295 bytes"},
        {0x80000, "its 524288 bytes are not all in readable memory"},
        {60, "APIC at 0x1200 skipped: its checksum is wrong"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        put_machine(2);
        put(tables[0] + 4, cases[i].length, 4);
        assert_int_equal(parse(), 0);
        assert_true(host_log_has(cases[i].complaint));
        assert_int_equal(facts.cpu_count, 0);
        assert_int_equal(facts.hpet_phys, 0xFED00000);
        assert_int_equal(facts.pm_timer_port, 0x608);
    }
}

static void tables_that_are_nowhere_are_skipped(void **state)
{
    (void)state;
    put_hpet(0, 0xFED00000);
    tables[table_count++] = 0;
    tables[table_count++] = 0x500;
    tables[table_count++] = 0xFFFFFFFFFFFFFFF0;
    tables[table_count++] = MEMORY_PHYS + MEMORY_BYTES - 8; // its header does not fit
    put_fadt(0x408, 0, 0, 116);
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.hpet_phys, 0xFED00000);
    assert_int_equal(facts.pm_timer_port, 0x408);
    assert_true(host_log_has("table at 0x500 skipped: not in readable memory"));
    assert_true(host_log_has("table at 0xfffffffffffffff0 skipped"));
    assert_false(host_log_has("table at 0 "));
}

static void second_table_of_a_kind_is_named(void **state)
{
    (void)state;
    put_table("APIC", madt_body, sizeof(madt_body));
    put_table("APIC", madt_body, 16);
    put_roots(2);
    assert_int_equal(parse(), 0);
    assert_int_equal(facts.cpu_count, 2);
    assert_true(host_log_has("skipped: it is the second one"));
}

// ---- each table ---------------------------------------------------------------------------------

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

// ---- everything at random -----------------------------------------------------------------------

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint32_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static void assert_facts_make_sense(void)
{
    assert_true(facts.cpu_count <= ACPI_CPUS_MAX);
    assert_true(facts.ecam_count <= ACPI_SEGMENTS_MAX);
    for (size_t i = 0; i < facts.ecam_count; i++)
        assert_true(facts.ecam[i].first_bus <= facts.ecam[i].last_bus);
    for (size_t i = 0; i < facts.cpu_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(facts.cpus[i].apic_id != facts.cpus[j].apic_id);
    for (const char *c = host_log; *c != '\0'; c++)
        assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
}

// Changes a few bytes, then mostly repairs the checksums so that the change is read.
static void mutate(size_t used)
{
    for (uint32_t changes = 1 + random_next() % 4; changes > 0; changes--) {
        uint8_t *byte = &image[random_next() % used];
        switch (random_next() % 4) {
        case 0:
            *byte = (uint8_t)random_next();
            break;
        case 1:
            *byte ^= (uint8_t)(1u << random_next() % 8);
            break;
        case 2:
            *byte = random_next() % 2 ? 0xFF : 0;
            break;
        default:
            *byte = (uint8_t)(*byte + (random_next() % 2 ? 1 : -1));
        }
    }
    if (random_next() % 8 == 0)
        return;
    fix_checksum(RSDP_PHYS, 20, 8);
    fix_checksum(RSDP_PHYS, 36, 32);
    uint64_t all[2 + ARRAY_COUNT(tables)] = {RSDT_PHYS, XSDT_PHYS};
    memcpy(all + 2, tables, sizeof(tables));
    for (size_t i = 0; i < 2 + table_count; i++) {
        uint32_t length;
        memcpy(&length, at(all[i]) + 4, 4);
        if (length >= 36 && all[i] - MEMORY_PHYS + length <= used)
            fix_checksum(all[i], length, 9);
    }
}

static void random_mutations_never_read_beyond(void **state)
{
    (void)state;
    put_machine(2);
    size_t used = TABLES_PHYS - MEMORY_PHYS + image_used;
    uint8_t good[2048];
    assert_true(used <= sizeof(good));
    memcpy(good, image, used);
    size_t accepted = 0, rejected = 0;
    ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
    for (int i = 0; i < 200000; i++) {
        memcpy(image, good, used);
        mutate(used);
        ASAN_UNPOISON_MEMORY_REGION(memory, used);
        memcpy(memory, image, used);
        ASAN_POISON_MEMORY_REGION(memory, used);
        host_log_clear();
        if (acpi_parse(RSDP_PHYS, map, &facts) == 0)
            accepted++;
        else
            rejected++;
        assert_facts_make_sense();
    }
    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    assert_true(accepted > 100000 && rejected > 1000); // the mutations do reach the inside
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_machine_is_read, setup),
        cmocka_unit_test_setup(revision_0_does_not_look_at_the_xsdt, setup),
        cmocka_unit_test_setup(revision_2_prefers_the_xsdt, setup),
        cmocka_unit_test_setup(broken_xsdt_falls_back_to_the_rsdt, setup),
        cmocka_unit_test_setup(unusable_root_pointer_is_an_error, setup),
        cmocka_unit_test_setup(one_broken_table_leaves_the_others, setup),
        cmocka_unit_test_setup(tables_that_are_nowhere_are_skipped, setup),
        cmocka_unit_test_setup(second_table_of_a_kind_is_named, setup),
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
        cmocka_unit_test_setup(random_mutations_never_read_beyond, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
