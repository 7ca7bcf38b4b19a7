// SPDX-License-Identifier: MIT
// The way to ACPI's tables, and that no byte in them leads astray. What each table says:
// test_acpi_tables.c.
#include "acpi_fixture.h"

#include "seeded.h"

// ---- the root ----------------------------------------------------------------------------------

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

// ---- everything at random ----------------------------------------------------------------------

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
    for (uint32_t changes = 1 + (uint32_t)random_below(4); changes > 0; changes--) {
        uint8_t *byte = &image[random_below(used)];
        switch (random_below(4)) {
        case 0:
            *byte = (uint8_t)random_below(256);
            break;
        case 1:
            *byte ^= (uint8_t)(1u << random_below(8));
            break;
        case 2:
            *byte = random_below(2) ? 0xFF : 0;
            break;
        default:
            *byte = (uint8_t)(*byte + (random_below(2) ? 1 : -1));
        }
    }
    if (random_below(8) == 0)
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
    random_state = 0x9E3779B97F4A7C15;
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
        cmocka_unit_test_setup(random_mutations_never_read_beyond, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
