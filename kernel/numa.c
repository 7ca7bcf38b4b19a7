// SPDX-License-Identifier: MIT
#include "kernel/numa.h"

#include "kernel/log.h"

static const struct acpi_facts *acpi;
static uint32_t domains[NUMA_NODES_MAX]; // of each node
static unsigned node_count = 1;
static uint8_t core_nodes[CORES_MAX];

static unsigned node_of_domain(uint32_t domain)
{
    for (unsigned node = 0; node < node_count; node++)
        if (domains[node] == domain)
            return node;
    return 0;
}

static void add_domain(uint32_t domain)
{
    unsigned node = 0;
    while (node < node_count && domains[node] != domain)
        node++;
    if (node < NUMA_NODES_MAX)
        domains[node] = domain;
    if (node == node_count && node_count < NUMA_NODES_MAX)
        node_count++;
}

// A node of processors alone would have no memory to prefer, so only those with memory count.
void numa_start(const struct acpi_facts *facts)
{
    acpi = facts;
    node_count = 0;
    for (size_t i = 0; i < facts->memory_count; i++)
        add_domain(facts->memory[i].domain);
    if (node_count > 1)
        log_info("numa: %u nodes, each core has memory of its own first", node_count);
    if (node_count == 0)
        node_count = 1;
}

unsigned numa_node_count(void)
{
    return node_count;
}

unsigned numa_node_of_address(uint64_t phys)
{
    for (size_t i = 0; node_count > 1 && i < acpi->memory_count; i++)
        if (phys - acpi->memory[i].start_phys < acpi->memory[i].size_bytes)
            return node_of_domain(acpi->memory[i].domain);
    return 0;
}

unsigned numa_node_of_core(unsigned core)
{
    return core_nodes[core];
}

void numa_set_core(unsigned core, uint32_t apic_id)
{
    for (size_t i = 0; node_count > 1 && i < acpi->cpu_count; i++)
        if (acpi->cpus[i].apic_id == apic_id)
            core_nodes[core] = (uint8_t)node_of_domain(acpi->cpus[i].domain);
}

static struct page_run range_of(const struct acpi_memory *memory)
{
    return (struct page_run){memory->start_phys / PAGE_BYTES, memory->size_bytes / PAGE_BYTES};
}

// From the first range of the node to the last: what lies between belongs to no other, usually.
void numa_prefer(unsigned core)
{
    uint64_t first = UINT64_MAX, end = 0;
    for (size_t i = 0; node_count > 1 && i < acpi->memory_count; i++) {
        struct page_run range = range_of(&acpi->memory[i]);
        if (node_of_domain(acpi->memory[i].domain) != core_nodes[core])
            continue;
        if (range.first_page < first)
            first = range.first_page;
        if (range.first_page + range.page_count > end)
            end = range.first_page + range.page_count;
    }
    if (end != 0)
        page_pool_prefer(&(struct page_run){first, end - first});
}

static uint64_t share_bytes(const struct page_share *share)
{
    uint64_t page_count = 0;
    for (unsigned i = 0; i < share->run_count; i++)
        page_count += share->runs[i].page_count;
    return page_count * PAGE_BYTES;
}

static void split_node(unsigned node, uint64_t size_bytes, struct page_share *share)
{
    uint64_t before = share_bytes(share);
    for (size_t i = 0; i < acpi->memory_count; i++) {
        struct page_run range = range_of(&acpi->memory[i]);
        if (node_of_domain(acpi->memory[i].domain) == node)
            page_pool_split(size_bytes - (share_bytes(share) - before), &range, share);
    }
}

static uint64_t node_free_bytes(unsigned node)
{
    uint64_t free_bytes = 0;
    for (size_t i = 0; i < acpi->memory_count; i++) {
        struct page_run range = range_of(&acpi->memory[i]);
        if (node_of_domain(acpi->memory[i].domain) == node)
            free_bytes += page_pool_free_pieces(&range) * PAGE_PIECE_BYTES;
    }
    return free_bytes;
}

// The node's cores from `core` on, which have had none so far, and core 0 if it is one.
static unsigned cores_left(unsigned node, unsigned core, unsigned count)
{
    unsigned left = core_nodes[0] == node;
    for (; core < count; core++)
        left += core_nodes[core] == node;
    return left;
}

void numa_share_memory(unsigned count, struct page_share *(*share_of)(unsigned core))
{
    uint64_t even_bytes = page_stats_of(0).free_bytes / count;
    for (unsigned core = 1; core < count && node_count > 1; core++) {
        unsigned node = core_nodes[core];
        split_node(node, node_free_bytes(node) / cores_left(node, core, count), share_of(core));
    }
    for (unsigned core = 1; core < count; core++) {
        uint64_t has_bytes = share_bytes(share_of(core));
        if (has_bytes < even_bytes / 2)
            page_pool_split(even_bytes - has_bytes, NULL, share_of(core));
    }
}
