// SPDX-License-Identifier: MIT
// Page tables as data. Beside cases: random operations against a model that remembers every
// operation and asks the last one that covers an address.
#include "host.h"
#include "seeded.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/paging.h"

#define KIB4 4096ull
#define MIB2 (2ull << 20)
#define GIB1 (1ull << 30)

// Spec: Intel SDM volume 3, tables 4-15 to 4-20.
#define BIT_PRESENT 0x1ull
#define BIT_WRITE   0x2ull
#define BIT_USER    0x4ull
#define BIT_PWT     0x8ull
#define BIT_PCD     0x10ull
#define BIT_LARGE   0x80ull
#define BIT_GLOBAL  0x100ull
#define BIT_NX      (1ull << 63)

// ---- where tables come from -------------------------------------------------------------------

#define TABLES 20000 // for 4 KiB leaves all over what random operations reach
static struct page_table *tables;
static size_t tables_used, tables_limit;

static struct page_table *table_allocate(void)
{
    return tables_used < tables_limit ? &tables[tables_used++] : NULL;
}

static struct paging_source source = {table_allocate, true};

static int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    tables = mmap(NULL, TABLES * sizeof(*tables), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (tables == MAP_FAILED)
        return -1;
    tables_used = 0;
    tables_limit = TABLES;
    source.has_1gib_pages = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap(tables, TABLES * sizeof(*tables));
    return 0;
}

static void forget_tables(void)
{
    memset(tables, 0, tables_used * sizeof(*tables));
    tables_used = 0;
    tables_limit = TABLES;
}

// The leaf entry at `virt` and the bytes it maps, by a walk of the test's own.
static uint64_t leaf_at(const struct page_table *root, uint64_t virt, uint64_t *leaf_bytes)
{
    const struct page_table *table = root;
    for (unsigned shift = 39;; shift -= 9) {
        uint64_t entry = table->entries[virt >> shift & 511];
        *leaf_bytes = 1ull << shift;
        if (!(entry & BIT_PRESENT) || shift == 12 || (entry & BIT_LARGE))
            return entry;
        assert_true(entry & BIT_WRITE); // rights are the leaf's alone
        assert_false(entry & (BIT_NX | BIT_PCD | BIT_PWT | BIT_USER));
        table = (const struct page_table *)(uintptr_t)(entry & 0x000ffffffffff000ull);
    }
}

static void assert_leaf(const struct page_table *root, uint64_t virt, uint64_t leaf_bytes)
{
    uint64_t bytes;
    uint64_t entry = leaf_at(root, virt, &bytes);
    assert_true(entry & BIT_PRESENT);
    assert_int_equal(bytes, leaf_bytes);
    assert_int_equal(!!(entry & BIT_LARGE), bytes != KIB4); // in a 4 KiB leaf the bit is PAT
}

static void assert_maps(const struct page_table *root, uint64_t virt, uint64_t phys, unsigned flags)
{
    uint64_t found_phys;
    unsigned found_flags;
    assert_true(paging_lookup(root, virt, &found_phys, &found_flags));
    assert_int_equal(found_phys, phys);
    assert_int_equal(found_flags, flags);
}

static void assert_unmapped(const struct page_table *root, uint64_t virt)
{
    uint64_t phys;
    unsigned flags;
    assert_false(paging_lookup(root, virt, &phys, &flags));
}

static void map(struct page_table *root, uint64_t virt, uint64_t phys, uint64_t size,
                unsigned flags)
{
    assert_int_equal(paging_map(root, &source, virt, phys, size, flags), 0);
}

// ---- cases ------------------------------------------------------------------------------------

static void rights_are_in_the_leaf(void **state)
{
    (void)state;
    static const struct {
        unsigned flags;
        uint64_t set, clear;
    } rows[] = {
        {PAGING_READ, BIT_NX, BIT_WRITE | BIT_PWT | BIT_PCD},
        {PAGING_WRITE, BIT_NX | BIT_WRITE, BIT_PWT | BIT_PCD},
        {PAGING_EXECUTE, 0, BIT_NX | BIT_WRITE | BIT_PWT | BIT_PCD},
        {PAGING_WRITE | PAGING_EXECUTE, BIT_WRITE, BIT_NX | BIT_PWT | BIT_PCD},
        {PAGING_WRITE | PAGING_UNCACHED, BIT_NX | BIT_WRITE | BIT_PWT | BIT_PCD, 0},
        {PAGING_WRITE | PAGING_WRITE_COMBINING, BIT_NX | BIT_WRITE | BIT_PWT, BIT_PCD},
        {PAGING_UNCACHED, BIT_NX | BIT_PWT | BIT_PCD, BIT_WRITE},
    };
    static const uint64_t sizes[] = {KIB4, MIB2, GIB1};
    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            forget_tables();
            struct page_table *root = table_allocate();
            uint64_t phys = 5 * GIB1, bytes;
            map(root, 3 * GIB1, phys, sizes[i], rows[row].flags);
            uint64_t entry = leaf_at(root, 3 * GIB1, &bytes);
            assert_int_equal(bytes, sizes[i]);
            assert_int_equal(entry & rows[row].set, rows[row].set);
            assert_int_equal(entry & (rows[row].clear | BIT_USER | BIT_GLOBAL), 0);
            assert_int_equal(entry & 0x000ffffffffff000ull, phys);
            assert_int_equal(!!(entry & BIT_LARGE), sizes[i] != KIB4);
            assert_maps(root, 3 * GIB1, phys, rows[row].flags);
            assert_maps(root, 3 * GIB1 + sizes[i] - 1, phys + sizes[i] - 1, rows[row].flags);
            assert_unmapped(root, 3 * GIB1 - 1);
            assert_unmapped(root, 3 * GIB1 + sizes[i]);
        }
    }
}

// Counts tables beside the root: that tells whether the largest leaves were taken.
static void largest_leaves_are_used(void **state)
{
    (void)state;
    static const struct {
        bool has_1gib_pages;
        uint64_t virt, phys, size;
        size_t tables;
    } rows[] = {
        {true, 0, 0, GIB1, 1},
        {false, 0, 0, GIB1, 2},
        {true, 0, 0, 512 * GIB1, 1},
        {true, 0, 0, 1024 * GIB1, 2},
        {false, 0, 0, 512 * GIB1, 513},
        {true, GIB1, 7 * GIB1, GIB1, 1},
        {true, GIB1, MIB2, GIB1, 2},        // phys allows 2 MiB
        {true, GIB1 + MIB2, MIB2, GIB1, 3}, // virt too, in two GiB
        {true, GIB1, KIB4, MIB2, 3},        // phys allows 4 KiB
        {true, 0, 0, MIB2, 2},
        {true, 0, 0, KIB4, 3},
        {true, MIB2 - KIB4, MIB2 - KIB4, 2 * KIB4, 4},
        {true, 0, 0, GIB1 + MIB2 + KIB4, 3},    // one of each
        {true, KIB4, KIB4, 2 * GIB1 - KIB4, 3}, // 4 KiB and 2 MiB up to the first GiB
        {true, 0xffff800000000000ull, 0, GIB1, 1},
        {true, 0xffffffffc0000000ull, 0, GIB1, 1}, // up to the last byte
        {true, 0xfffffffffffff000ull, 0, KIB4, 3},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        forget_tables();
        struct page_table *root = table_allocate();
        source.has_1gib_pages = rows[i].has_1gib_pages;
        map(root, rows[i].virt, rows[i].phys, rows[i].size, PAGING_WRITE);
        assert_int_equal(tables_used - 1, rows[i].tables);
        assert_maps(root, rows[i].virt, rows[i].phys, PAGING_WRITE);
        assert_maps(root, rows[i].virt + rows[i].size - 1, rows[i].phys + rows[i].size - 1,
                    PAGING_WRITE);
        assert_unmapped(root, rows[i].virt - 1);
        assert_unmapped(root, rows[i].virt + rows[i].size);
    }
}

static void large_leaves_are_split_around_a_change(void **state)
{
    (void)state;
    struct page_table *root = table_allocate();
    map(root, 0, 0, 2 * GIB1, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_leaf(root, 0, GIB1);
    map(root, 5 * MIB2 + 7 * KIB4, 99 * GIB1, KIB4, PAGING_EXECUTE);
    assert_int_equal(tables_used, 4);
    for (uint64_t page = 0; page < GIB1 / KIB4; page++) {
        if (page * KIB4 == 5 * MIB2 + 7 * KIB4)
            assert_maps(root, page * KIB4, 99 * GIB1, PAGING_EXECUTE);
        else
            assert_maps(root, page * KIB4, page * KIB4, PAGING_WRITE | PAGING_WRITE_COMBINING);
    }
    assert_leaf(root, 4 * MIB2, MIB2);
    assert_leaf(root, 5 * MIB2, KIB4);
    assert_leaf(root, GIB1, GIB1);
    assert_int_equal(paging_unmap(root, &source, GIB1 + KIB4, KIB4), 0);
    assert_unmapped(root, GIB1 + KIB4);
    assert_maps(root, GIB1, GIB1, PAGING_WRITE | PAGING_WRITE_COMBINING);
    assert_maps(root, GIB1 + 2 * KIB4, GIB1 + 2 * KIB4, PAGING_WRITE | PAGING_WRITE_COMBINING);
}

static void unmapping_needs_no_table_where_nothing_is(void **state)
{
    (void)state;
    struct page_table *root = table_allocate();
    assert_int_equal(paging_unmap(root, &source, 0, 1024 * GIB1), 0);
    assert_int_equal(paging_unmap(root, &source, 0xffff800000000000ull, KIB4), 0);
    map(root, GIB1, GIB1, GIB1, 0);
    assert_int_equal(tables_used, 2);
    assert_int_equal(paging_unmap(root, &source, 0, 5 * GIB1), 0);
    assert_int_equal(tables_used, 2);
    assert_unmapped(root, GIB1);
}

static void nothing_is_a_size_too(void **state)
{
    (void)state;
    struct page_table *root = table_allocate();
    map(root, GIB1, GIB1, 0, PAGING_WRITE);
    assert_int_equal(paging_unmap(root, &source, GIB1, 0), 0);
    assert_int_equal(paging_unshare(root, &source, GIB1, 0), 0);
    assert_int_equal(tables_used, 1);
}

static void unshared_tables_are_ones_own(void **state)
{
    (void)state;
    struct page_table *original = table_allocate(), *other = table_allocate();
    map(original, 0, 0, 4 * GIB1, PAGING_WRITE);
    map(original, GIB1 + 3 * KIB4, 77 * GIB1, KIB4, PAGING_EXECUTE);
    *other = *original;
    assert_int_equal(paging_unshare(other, &source, GIB1 + KIB4, 3 * KIB4), 0);
    assert_leaf(other, GIB1 + KIB4, KIB4);
    assert_maps(other, GIB1 + KIB4, GIB1 + KIB4, PAGING_WRITE); // the same, so far
    assert_maps(other, GIB1 + 3 * KIB4, 77 * GIB1, PAGING_EXECUTE);
    map(other, GIB1 + KIB4, 5 * MIB2, 2 * KIB4, PAGING_UNCACHED);
    assert_maps(other, GIB1 + 2 * KIB4, 5 * MIB2 + KIB4, PAGING_UNCACHED);
    for (uint64_t page = 0; page < MIB2 / KIB4; page++) {
        uint64_t virt = GIB1 + page * KIB4;
        if (page == 3)
            assert_maps(original, virt, 77 * GIB1, PAGING_EXECUTE);
        else
            assert_maps(original, virt, virt, PAGING_WRITE);
    }
    // A range of large leaves is split on the way; the original keeps its.
    assert_int_equal(paging_unshare(other, &source, 2 * GIB1, KIB4), 0);
    assert_leaf(other, 2 * GIB1, KIB4);
    assert_leaf(other, 2 * GIB1 + MIB2, MIB2);
    assert_leaf(original, 2 * GIB1, GIB1);
    assert_int_equal(paging_unmap(other, &source, 2 * GIB1, KIB4), 0);
    assert_unmapped(other, 2 * GIB1);
    assert_maps(original, 2 * GIB1, 2 * GIB1, PAGING_WRITE);
    assert_maps(other, 2 * GIB1 + KIB4, 2 * GIB1 + KIB4, PAGING_WRITE);
}

// How a device mapped after the cores were started is seen by all.
static void what_is_not_unshared_stays_shared(void **state)
{
    (void)state;
    struct page_table *original = table_allocate(), *other = table_allocate();
    map(original, 0, 0, GIB1, PAGING_WRITE);
    map(original, 0xffff800000000000ull, 0, KIB4, PAGING_WRITE);
    *other = *original;
    assert_int_equal(paging_unshare(other, &source, MIB2, KIB4), 0);
    map(original, 0xffff800000000000ull + GIB1, 9 * GIB1, MIB2, PAGING_WRITE | PAGING_UNCACHED);
    assert_maps(other, 0xffff800000000000ull + GIB1, 9 * GIB1, PAGING_WRITE | PAGING_UNCACHED);
}

// ---- against a model --------------------------------------------------------------------------

struct operation {
    bool unmap;
    uint64_t virt, phys, size;
    unsigned flags;
};
#define OPERATIONS 120
static struct operation operations[OPERATIONS];
static size_t operation_count;

static const struct operation *operation_at(uint64_t virt)
{
    for (size_t i = operation_count; i-- > 0;)
        if (virt - operations[i].virt < operations[i].size)
            return operations[i].unmap ? NULL : &operations[i];
    return NULL;
}

static void assert_as_model(const struct page_table *root, uint64_t virt)
{
    const struct operation *operation = operation_at(virt);
    if (operation == NULL)
        assert_unmapped(root, virt);
    else
        assert_maps(root, virt, operation->phys + (virt - operation->virt), operation->flags);
}

// At and beside all borders, and inside.
static void assert_all_as_model(const struct page_table *root)
{
    for (size_t i = 0; i < operation_count; i++) {
        const struct operation *operation = &operations[i];
        uint64_t end = operation->virt + operation->size;
        assert_as_model(root, operation->virt);
        assert_as_model(root, operation->virt - 1);
        assert_as_model(root, end - 1);
        assert_as_model(root, end);
        for (unsigned sample = 0; sample < 4; sample++)
            assert_as_model(root, operation->virt + random_below(operation->size));
    }
}

static uint64_t random_aligned(uint64_t limit)
{
    static const uint64_t alignments[] = {KIB4, KIB4, MIB2, MIB2, GIB1};
    return ALIGN_DOWN(random_below(limit), alignments[random_below(ARRAY_COUNT(alignments))]);
}

static struct operation random_operation(void)
{
    static const uint64_t bases[] = {0, 510 * GIB1, 0xffff800000000000ull, 0xffffff8000000000ull,
                                     0xffffffff00000000ull};
    static const uint64_t sizes[] = {16 * KIB4, 6 * MIB2, 3 * GIB1};
    static const unsigned flags[] = {0,
                                     PAGING_WRITE,
                                     PAGING_EXECUTE,
                                     PAGING_WRITE | PAGING_EXECUTE,
                                     PAGING_WRITE | PAGING_UNCACHED,
                                     PAGING_WRITE | PAGING_WRITE_COMBINING};
    struct operation operation = {.unmap = random_below(4) == 0,
                                  .virt = bases[random_below(ARRAY_COUNT(bases))],
                                  .flags = flags[random_below(ARRAY_COUNT(flags))]};
    operation.virt += random_aligned(4 * GIB1);
    operation.size = random_aligned(sizes[random_below(ARRAY_COUNT(sizes))]);
    if (operation.size == 0)
        operation.size = KIB4;
    if (operation.virt + operation.size - 1 < operation.virt)
        operation.size = 0 - operation.virt; // to the last byte of the address space
    operation.phys =
        random_below(2) == 0 ? random_aligned(1ull << 45) : operation.virt & ((1ull << 46) - 1);
    return operation;
}

static int apply(struct page_table *root, const struct operation *operation)
{
    return operation->unmap ? paging_unmap(root, &source, operation->virt, operation->size)
                            : paging_map(root, &source, operation->virt, operation->phys,
                                         operation->size, operation->flags);
}

static struct page_table *random_tables(size_t count)
{
    forget_tables();
    struct page_table *root = table_allocate();
    for (operation_count = 0; operation_count < count; operation_count++) {
        operations[operation_count] = random_operation();
        assert_int_equal(apply(root, &operations[operation_count]), 0);
    }
    return root;
}

static void random_operations(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        source.has_1gib_pages = round % 2;
        struct page_table *root = random_tables(1 + random_below(round % 3 == 0 ? OPERATIONS : 20));
        assert_all_as_model(root);
    }
}

static void random_unsharing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        source.has_1gib_pages = round % 2;
        struct page_table *original = random_tables(1 + random_below(20));
        struct page_table *other = table_allocate();
        *other = *original;
        struct operation change = random_operation();
        change.size = 1 + random_below(600);
        change.size *= KIB4;
        if (change.virt + change.size < change.virt)
            change.virt -= change.size;
        assert_int_equal(paging_unshare(other, &source, change.virt, change.size), 0);
        assert_all_as_model(other);
        size_t used = tables_used;
        assert_int_equal(apply(other, &change), 0);
        assert_int_equal(tables_used, used); // all that it needs is there
        assert_all_as_model(original);
        for (uint64_t page = 0; page < change.size / KIB4; page++)
            assert_as_model(original, change.virt + page * KIB4);
        operations[operation_count++] = change;
        assert_all_as_model(other);
    }
}

// Outside `wanted` as the model says; inside either so or as wanted.
static void assert_as_model_or_wanted(const struct page_table *root, const struct operation *wanted)
{
    for (size_t i = 0; i < operation_count; i++) {
        uint64_t start = operations[i].virt, end = start + operations[i].size;
        uint64_t samples[] = {start - 1, start, start + random_below(operations[i].size), end - 1,
                              end};
        for (size_t k = 0; k < ARRAY_COUNT(samples); k++)
            if (samples[k] - wanted->virt >= wanted->size)
                assert_as_model(root, samples[k]);
    }
    assert_as_model(root, wanted->virt - 1);
    assert_as_model(root, wanted->virt + wanted->size);
    for (unsigned k = 0; k < 40; k++) {
        uint64_t virt = wanted->virt + random_below(wanted->size), phys;
        unsigned flags;
        bool done = paging_lookup(root, virt, &phys, &flags)
                        ? phys == wanted->phys + (virt - wanted->virt) && flags == wanted->flags
                        : wanted->unmap;
        if (!done)
            assert_as_model(root, virt);
    }
}

// Out of memory at every step: what lies outside the range stays, each page inside is as before or
// as wanted, and the same call with memory does the rest.
static void running_out_of_memory_breaks_nothing(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (unsigned round = 0; round < 150; round++) {
        source.has_1gib_pages = round % 2;
        struct page_table *root = random_tables(1 + random_below(10));
        struct operation wanted = random_operation();
        int error = -ENOMEM;
        for (size_t attempt = 0; error == -ENOMEM; attempt++) {
            tables_limit = attempt == 40 ? TABLES : tables_used + (attempt > 0);
            error = apply(root, &wanted);
            failures += error != 0;
            if (error != 0)
                assert_as_model_or_wanted(root, &wanted);
        }
        assert_int_equal(error, 0);
        operations[operation_count++] = wanted;
        assert_all_as_model(root);
    }
    assert_true(failures > 100);
}

static void unsharing_without_memory_breaks_nothing(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (unsigned round = 0; round < 60; round++) {
        struct page_table *original = random_tables(1 + random_below(10));
        struct page_table *other = table_allocate();
        uint64_t virt = random_operation().virt, size = KIB4 * (1 + random_below(8));
        if (virt + size < virt)
            virt -= size;
        int error = -ENOMEM;
        for (size_t granted = 0; error == -ENOMEM; granted++) {
            *other = *original;
            tables_limit = tables_used + granted;
            error = paging_unshare(other, &source, virt, size);
            failures += error != 0;
            assert_all_as_model(original);
            assert_all_as_model(other);
        }
        assert_int_equal(error, 0);
    }
    assert_true(failures > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rights_are_in_the_leaf, setup, teardown),
        cmocka_unit_test_setup_teardown(largest_leaves_are_used, setup, teardown),
        cmocka_unit_test_setup_teardown(large_leaves_are_split_around_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(unmapping_needs_no_table_where_nothing_is, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_a_size_too, setup, teardown),
        cmocka_unit_test_setup_teardown(unshared_tables_are_ones_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_unshared_stays_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(random_unsharing, setup, teardown),
        cmocka_unit_test_setup_teardown(running_out_of_memory_breaks_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(unsharing_without_memory_breaks_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
