// SPDX-License-Identifier: MIT
// The symbol table from both ends: mksymbols.py packs a list like nm's, symbols.c looks it up.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/compiler.h"
#include "kernel/symbols.h"

// An image of its own: 64 KiB of which code is [0x1000, 0x8000), with the table right behind.
// As in an image without a table, symbols_start == symbols_end until a test says otherwise.
__asm__(".bss\n"
        ".balign 4096\n"
        ".globl image_start, text_start, text_end, symbols_start, symbols_end\n"
        "image_start: .skip 0x1000\n"
        "text_start: .skip 0x7000\n"
        "text_end: .skip 0x1000\n"
        "symbols_start: .skip 0x1000\n"
        "symbols_end:\n"
        ".text\n");
extern char image_start[], symbols_start[], symbols_end[];

#define LISTING_NAME "build/unit/test_symbols.nm"

static uint8_t table[262144];
static size_t table_bytes;

static int pack(const char *listing)
{
    FILE *file = fopen(LISTING_NAME, "w");
    assert_non_null(file);
    fputs(listing, file);
    fclose(file);
    FILE *pipe =
        popen("/usr/bin/python3 kernel/mksymbols.py --binary < " LISTING_NAME " 2>&1", "r");
    assert_non_null(pipe);
    table_bytes = fread(table, 1, sizeof(table) - 1, pipe);
    table[table_bytes] = '\0';
    int status = pclose(pipe);
    remove(LISTING_NAME);
    return status;
}

// Looks in a copy of the table's exact size: the sanitizer sees a byte too far.
static void assert_found(uint32_t position, const char *expected, uint32_t expected_offset)
{
    uint8_t *copy = malloc(table_bytes);
    char name[SYMBOLS_NAME_BYTES];
    uint32_t offset = 99;
    memcpy(copy, table, table_bytes);
    const char *found = symbols_find_in(copy, table_bytes, position, name, &offset);
    free(copy);
    if (expected == NULL) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, expected);
    assert_int_equal(offset, expected_offset);
}

static const char listing[] = "                 w _DYNAMIC\n"
                              "                 U undefined_thing\n"
                              "0000000000010000 R image_start\n"
                              "0000000000011000 T text_start\n"
                              "0000000000011010 t local_name\n"
                              "0000000000011010 W weak_name\n"
                              "0000000000011010 T thread_create\n"
                              "0000000000011010 T __thread_create\n"
                              "0000000000011040 0000000000000020 T thread_wake\n"
                              "0000000000011041 t thread_wake.loop\n"
                              "0000000000011050 t thread_wake.cold\n"
                              "00000000000150f0 t pci_scan.constprop.0\n"
                              "0000000000015100 D some_data\n"
                              "0000000000016000 T z\n"
                              "0000000000018000 T text_end\n"
                              "0000000000019000 b other_data\n";

static void every_address_finds_its_function(void **state)
{
    (void)state;
    assert_int_equal(pack(listing), 0);
    assert_found(0, NULL, 0);
    assert_found(0x100F, NULL, 0);
    assert_found(0x1010, "thread_create", 0); // the global name without underscores
    assert_found(0x103F, "thread_create", 0x2F);
    assert_found(0x1040, "thread_wake", 0);
    assert_found(0x1041, "thread_wake", 1); // labels in assembly are no functions
    assert_found(0x1050, "thread_wake.cold", 0);
    assert_found(0x50EF, "thread_wake.cold", 0x50EF - 0x1050);
    assert_found(0x50F0, "pci_scan.constprop.0", 0);
    assert_found(0x5100, "pci_scan.constprop.0", 16);
    assert_found(0x6000, "z", 0);
    assert_found(UINT32_MAX, "z", UINT32_MAX - 0x6000);
}

static void many_functions_keep_their_names(void **state)
{
    (void)state;
    static char many[200000];
    size_t used = (size_t)sprintf(many, "0000000000000000 T image_start\n");
    for (unsigned i = 0; i < 3000; i++)
        used += (size_t)sprintf(many + used, "%016x T module%u_function_%u\n", 0x1000 + i * i,
                                i / 10, i);
    assert_int_equal(pack(many), 0);
    for (unsigned i = 0; i < 3000; i += 7) {
        char name[40];
        sprintf(name, "module%u_function_%u", i / 10, i);
        assert_found(0x1000 + i * i, name, 0);
        assert_found(0x1000 + i * i + 2 * i, name, 2 * i);
    }
    assert_true(table_bytes < 3000 * 12u); // names of some 20 bytes in half of it
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char line[600], name[201], cut[SYMBOLS_NAME_BYTES];
    memset(name, 'n', 200);
    name[200] = '\0';
    memset(cut, 'n', sizeof(cut) - 1);
    cut[sizeof(cut) - 1] = '\0';
    snprintf(line, sizeof(line), "00000000 T image_start\n00000010 T %s\n00000020 T %s2\n", name,
             name);
    assert_int_equal(pack(line), 0);
    assert_found(0x18, cut, 8);
    assert_found(0x21, cut, 1);
}

static void listings_without_sense_are_refused(void **state)
{
    (void)state;
    static const char *const listings[] = {
        "",
        "00000010 T f\n",
        "00000010 T image_start\n",
        "00000010 T image_start\n00000008 T f\n",
        "00000000 T image_start\n0000000100000000 T f\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(listings); i++) {
        assert_int_not_equal(pack(listings[i]), 0);
        assert_non_null(strstr((const char *)table, "mksymbols.py: "));
    }
}

static void the_image_itself_is_looked_up(void **state)
{
    (void)state;
    uintptr_t base = (uintptr_t)image_start, offset = 0;
    memset(symbols_start, 0, 0x1000);
    assert_null(symbols_find(base + 0x1050, &offset)); // no table yet
    assert_int_equal(pack(listing), 0);
    memcpy(symbols_start, table, table_bytes);
    assert_string_equal(symbols_find(base + 0x1050, &offset), "thread_wake.cold");
    assert_int_equal(offset, 0);
    assert_string_equal(symbols_find(base + 0x7FFF, &offset), "z");
    assert_int_equal(offset, 0x1FFF);
    assert_null(symbols_find(base + 0x8000, &offset)); // past the code
    assert_null(symbols_find(base + 0xFFF, &offset));
    assert_null(symbols_find(0, &offset));
    assert_null(symbols_find(UINTPTR_MAX, &offset));
}

static void broken_tables_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(pack(listing), 0);
    uint8_t good[1024];
    size_t good_bytes = table_bytes, found_count = 0;
    uint64_t random_state = 0x9E3779B97F4A7C15;
    memcpy(good, table, good_bytes);
    for (int i = 0; i < 100000; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        uint32_t random = (uint32_t)(random_state >> 33);
        size_t size_bytes = i % 3 == 0 ? random % good_bytes : good_bytes;
        uint8_t *copy = malloc(size_bytes);
        memcpy(copy, good, size_bytes);
        if (size_bytes > 4)
            copy[4 + random / 7 % (size_bytes - 4)] = (uint8_t)(random >> 16);
        char name[SYMBOLS_NAME_BYTES];
        uint32_t offset;
        const char *found = symbols_find_in(copy, size_bytes, random % 0x8000, name, &offset);
        if (found != NULL) {
            found_count++;
            assert_true(strlen(found) < SYMBOLS_NAME_BYTES);
        }
        free(copy);
    }
    assert_in_range(found_count, 1000, 99000);
}

static void note_name(uint32_t start, const char *name, void *context)
{
    char *visited = context;
    sprintf(visited + strlen(visited), "%x %s,", start, name);
}

static void all_functions_are_visited(void **state)
{
    (void)state;
    char visited[256] = "";
    symbols_each(note_name, visited); // the image has a table by now
    assert_string_equal(visited, "1010 thread_create,1040 thread_wake,1050 thread_wake.cold,"
                                 "50f0 pci_scan.constprop.0,6000 z,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_finds_its_function),
        cmocka_unit_test(many_functions_keep_their_names),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(listings_without_sense_are_refused),
        cmocka_unit_test(the_image_itself_is_looked_up),
        cmocka_unit_test(all_functions_are_visited),
        cmocka_unit_test(broken_tables_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
