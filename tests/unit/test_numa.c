// SPDX-License-Identifier: MIT
// Memory shared out by nodes, on the real page pool.
#include "host.h"

#include <string.h>

#include "fake_core.h"
#include "fake_memory.h"

#include "kernel/numa.h"

#define MIB         (1ull << 20)
#define ARENA_BYTES (96 * MIB)
#define CORES       4

static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
static struct acpi_facts facts;
static struct page_share shares[CORES];

static struct page_share *share_of(unsigned core)
{
    return &shares[core];
}

static void add_memory(uint64_t start_mib, uint64_t size_mib, uint32_t domain)
{
    facts.memory[facts.memory_count++] =
        (struct acpi_memory){FAKE_MEMORY_BASE + start_mib * MIB, size_mib * MIB, domain};
}

static void add_core(uint32_t domain)
{
    size_t core = facts.cpu_count++;
    facts.cpus[core] = (struct acpi_cpu){(uint32_t)(100 + core), 0, domain};
}

static void share(void)
{
    numa_start(&facts);
    for (unsigned core = 0; core < CORES; core++)
        numa_set_core(core, 100 + core);
    numa_prefer(0);
    numa_share_memory(CORES, share_of);
}

// Returns: bytes of a share in a node.
static uint64_t bytes_in(unsigned core, unsigned node)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < shares[core].run_count; i++)
        for (uint64_t page = 0; page < shares[core].runs[i].page_count; page++)
            bytes +=
                numa_node_of_address((shares[core].runs[i].first_page + page) * PAGE_BYTES) == node
                    ? PAGE_BYTES
                    : 0;
    return bytes;
}

static int setup(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    memset(shares, 0, sizeof(shares));
    host_log_clear();
    fake_core_join(0);
    page_pool_prefer(&(struct page_run){0, 0});
    return 0;
}

// The pool is core 0's: what a test split off comes back.
static int teardown(void **state)
{
    (void)state;
    for (unsigned core = 1; core < CORES; core++)
        page_pool_adopt(&shares[core]);
    return page_stats_of(0).free_bytes == page_stats_of(0).total_bytes ? 0 : -1;
}

static int group_setup(void **state)
{
    (void)state;
    struct boot_info info = {.memory = &memory, .memory_count = 1};
    fake_core_join(0);
    return fake_memory_map(ARENA_BYTES) && page_pool_start(&info) == 0 ? 0 : -1;
}

static void without_nodes_all_get_the_same(void **state)
{
    (void)state;
    for (unsigned core = 0; core < CORES; core++)
        add_core(ACPI_NO_DOMAIN);
    share();
    assert_int_equal(numa_node_count(), 1);
    assert_string_equal(host_log, "");
    for (unsigned core = 1; core < CORES; core++) {
        assert_int_equal(numa_node_of_core(core), 0);
        assert_in_range(bytes_in(core, 0), 20 * MIB, 24 * MIB);
    }
}

static void each_core_gets_memory_of_its_node(void **state)
{
    (void)state;
    add_memory(0, 16, 5); // a node may have several ranges, and any number
    add_memory(16, 32, 2);
    add_memory(48, 48, 5);
    add_core(5), add_core(2), add_core(5), add_core(2);
    share();
    assert_int_equal(numa_node_count(), 2);
    assert_true(host_log_has("numa: 2 nodes"));
    assert_int_equal(numa_node_of_core(0), 0);
    assert_int_equal(numa_node_of_core(3), 1);
    assert_int_equal(numa_node_of_address(FAKE_MEMORY_BASE + 17 * MIB), 1);
    assert_int_equal(numa_node_of_address(FAKE_MEMORY_BASE + 60 * MIB), 0);
    assert_int_equal(bytes_in(1, 1), 16 * MIB);
    assert_int_equal(bytes_in(3, 1), 16 * MIB);
    assert_int_equal(bytes_in(1, 0) + bytes_in(3, 0) + bytes_in(2, 1), 0);
    assert_in_range(bytes_in(2, 0), 28 * MIB, 32 * MIB); // core 0 has as much
    assert_in_range(page_stats_of(0).free_bytes, 28 * MIB, 34 * MIB);
}

static void who_comes_off_badly_gets_of_others(void **state)
{
    (void)state;
    add_memory(0, 4, 0);
    add_memory(4, 92, 1);
    add_core(1), add_core(0), add_core(0), add_core(9); // a node without memory is as node 0
    share();
    for (unsigned core = 1; core < CORES; core++)
        assert_in_range(bytes_in(core, 0) + bytes_in(core, 1), 20 * MIB, 24 * MIB);
}

static void near_memory_is_given_out_first(void **state)
{
    (void)state;
    add_memory(0, 48, 0);
    add_memory(48, 48, 1);
    add_core(0), add_core(0), add_core(0), add_core(0);
    numa_start(&facts);
    numa_set_core(0, 100);
    static void *pages[96];
    unsigned count = 0, near = 0;
    numa_prefer(0);
    while (count < ARRAY_COUNT(pages) && (pages[count] = page_alloc(MIB / PAGE_BYTES)) != NULL) {
        unsigned node = numa_node_of_address((uintptr_t)pages[count++]);
        assert_true(node == 1 || near == count - 1); // never near again once it was not
        near += node == 0;
    }
    assert_in_range(near, 46, 48);
    assert_in_range(count, 94, 96);
    while (count > 0)
        page_free(pages[--count], MIB / PAGE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_nodes_all_get_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(each_core_gets_memory_of_its_node, setup, teardown),
        cmocka_unit_test_setup_teardown(who_comes_off_badly_gets_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(near_memory_is_given_out_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
