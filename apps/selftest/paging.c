// SPDX-License-Identifier: MIT
// The page tables as the CPU reads them: walked here by hand, on every core.
// Spec: Intel SDM volume 3, 4.5 and 4.6 (rights are those that every level of the walk gives).
#include "kernel/paging.h"

#include <stdlib.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/pages.h"
#include "kernel/stack.h"

#define ENTRY_PRESENT    1ull
#define ENTRY_WRITE      2ull
#define ENTRY_LEAF       0x80ull
#define ENTRY_NX         (1ull << 63)
#define ENTRY_ADDRESS    0x000ffffffffff000ull
#define CR0_WP           (1ull << 16)
#define CR4_LA57         (1ull << 12)
#define MSR_EFER         0xc0000080
#define EFER_NXE         (1ull << 11)
#define MSR_PAT          0x277
#define STACK_BYTES      32768
#define MSR_MTRR_DEFAULT 0x2ff
#define CPUID_MTRR       (1u << 12)
#define CR4_OSXSAVE      (1ull << 18)

struct mapping {
    bool present, write, execute;
    uint64_t phys;
};

static const uint64_t *table_of(uint64_t entry)
{
    return (const uint64_t *)(entry & ENTRY_ADDRESS);
}

static unsigned top_level(void)
{
    return cpu_read_cr4() & CR4_LA57 ? 5 : 4;
}

static struct mapping look_up(const volatile void *address)
{
    uint64_t virt = (uintptr_t)address;
    const uint64_t *table = table_of(cpu_read_cr3());
    struct mapping found = {.present = true, .write = true, .execute = true};
    for (unsigned level = top_level(); level >= 1; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t entry = table[virt >> shift & 511];
        if (!(entry & ENTRY_PRESENT))
            return (struct mapping){0};
        found.write &= !!(entry & ENTRY_WRITE);
        found.execute &= !(entry & ENTRY_NX);
        if (level == 1 || (level <= 3 && entry & ENTRY_LEAF)) {
            uint64_t mask = (1ull << shift) - 1;
            found.phys = (entry & ENTRY_ADDRESS & ~mask) | (virt & mask);
            return found;
        }
        table = table_of(entry);
    }
    return (struct mapping){0};
}

static void check_range(const char *start, const char *end, bool write, bool execute)
{
    CHECK(start <= end);
    for (const char *page = start; page < end; page += PAGE_BYTES) {
        struct mapping found = look_up(page);
        if (!CHECK(found.present) || !CHECK_EQUAL(found.write, write) ||
            !CHECK_EQUAL(found.execute, execute))
            return;
    }
}

static void image_rights(void *argument)
{
    (void)argument;
    check_range(image_start, text_start, false, false);
    check_range(text_start, text_end, false, true);
    check_range(rodata_start, rodata_end, false, false);
    check_range(data_start, relro_end, false, false);
    check_range(relro_end, data_end, true, false);
    check_range(percore_start, percore_end, true, false);
    check_range(symbols_start, image_end, false, false);
    CHECK(!look_up(image_end).present);
    const char *code = (const char *)(uintptr_t)image_rights;
    CHECK(code >= text_start && code < text_end);
    static int data = 1;
    CHECK((char *)&data >= relro_end && (char *)&data < data_end);
}

void case_paging_image_rights(void)
{
    run_on_all(image_rights, NULL);
}

// Every leaf below `table`. Returns: how many may be written and executed.
static unsigned count_bad_leaves(const uint64_t *table, unsigned level, bool write, bool execute,
                                 unsigned *leaves)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = table[i];
        if (!(entry & ENTRY_PRESENT))
            continue;
        bool writable = write && entry & ENTRY_WRITE, executable = execute && !(entry & ENTRY_NX);
        if (level == 1 || (level <= 3 && entry & ENTRY_LEAF)) {
            ++*leaves;
            bad += writable && executable;
        } else {
            bad += count_bad_leaves(table_of(entry), level - 1, writable, executable, leaves);
        }
    }
    return bad;
}

// The tables below this one, which do not describe stacks. Returns: how many may be written.
static unsigned count_writable_tables(const uint64_t *table, unsigned level, unsigned *tables)
{
    unsigned bad = look_up(table).write;
    ++*tables;
    for (unsigned i = 0; i < 512 && level > 1; i++) {
        uint64_t entry = table[i];
        bool is_table = entry & ENTRY_PRESENT && !(level <= 3 && entry & ENTRY_LEAF);
        bool is_of_stacks = level == 4 && i >= (PAGING_STACK_BASE >> 39 & 511) &&
                            i <= ((PAGING_STACK_END - 1) >> 39 & 511);
        if (is_table && !is_of_stacks)
            bad += count_writable_tables(table_of(entry), level - 1, tables);
    }
    return bad;
}

static void tables_are_read_only(void *argument)
{
    (void)argument;
    unsigned tables = 0;
    CHECK_EQUAL(count_writable_tables(table_of(cpu_read_cr3()), top_level(), &tables), 0);
    CHECK(tables >= 6);
}

void case_paging_tables_read_only(void)
{
    run_on_all(tables_are_read_only, NULL);
}

static void no_bad_leaves(void *argument)
{
    (void)argument;
    unsigned leaves = 0;
    CHECK_EQUAL(count_bad_leaves(table_of(cpu_read_cr3()), top_level(), true, true, &leaves), 0);
    CHECK(leaves > (size_t)(image_end - image_start) / PAGE_BYTES / 512);
}

void case_paging_no_write_and_execute(void)
{
    run_on_all(no_bad_leaves, NULL);
}

static void guard_pages(void *argument)
{
    (void)argument;
    CHECK(!look_up(NULL).present);
    CHECK(!look_up((const void *)(PAGE_BYTES - 1)).present);
    char here = 0;
    struct mapping stack = look_up(&here);
    CHECK(stack.present && stack.write && !stack.execute);
    struct stack stacks[3]; // each has an absent page below it
    for (size_t i = 0; i < ARRAY_COUNT(stacks); i++) {
        stacks[i] = stack_allocate(STACK_BYTES);
        if (!CHECK(stacks[i].top != 0))
            return;
        check_range((const char *)stacks[i].bottom, (const char *)stacks[i].top, true, false);
        CHECK(!look_up((const char *)stacks[i].bottom - 1).present);
        CHECK(stack_is_guard(stacks[i].bottom - 1));
    }
    for (size_t i = 0; i < ARRAY_COUNT(stacks); i++)
        stack_free(stacks[i]);
    char *block = malloc(100000);
    if (CHECK(block != NULL)) {
        struct mapping heap = look_up(block);
        CHECK(heap.present && heap.write && !heap.execute);
        CHECK_EQUAL(heap.phys, (uintptr_t)block); // memory is where it seems: devices rely on it
    }
    free(block);
}

void case_paging_guard_pages(void)
{
    run_on_all(guard_pages, NULL);
}

static uint64_t percore_phys[CORES_MAX];

static void note_percore(void *argument)
{
    (void)argument;
    percore_phys[core_index()] = look_up(&core_this_index).phys;
    // What core 0 reads of this core is what this core has.
    const char *seen = core_local_of(core_index(), &core_this_index);
    CHECK_EQUAL(look_up(seen).phys, percore_phys[core_index()]);
    for (const char *page = percore_start; page < percore_end; page += PAGE_BYTES)
        if (core_index() != 0 && !CHECK(look_up(page).phys != (uintptr_t)page))
            break; // core 0's
}

void case_paging_percore_pages(void)
{
    run_on_all(note_percore, NULL);
    for (unsigned a = 0; a < core_count(); a++)
        for (unsigned b = 0; b < a; b++)
            if (core_is_online(a) && core_is_online(b))
                CHECK(percore_phys[a] != percore_phys[b]);
}

static struct paging_control control_of[CORES_MAX];
static uint64_t vector_states[CORES_MAX]; // XCR0
static uint64_t memory_types[CORES_MAX];  // whether and how MTRRs count

static void note_control(void *argument)
{
    (void)argument;
    struct paging_control *control = &control_of[core_index()];
    *control = (struct paging_control){cpu_read_cr0(), cpu_read_cr4(), cpu_read_msr(MSR_EFER),
                                       cpu_read_msr(MSR_PAT)};
    CHECK(control->cr0 & CR0_WP); // read-only binds ring 0 too
    CHECK(control->efer & EFER_NXE);
    if (control->cr4 & CR4_OSXSAVE) {
        uint32_t low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        vector_states[core_index()] = (uint64_t)high << 32 | low;
    }
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    if (d & CPUID_MTRR)
        memory_types[core_index()] = cpu_read_msr(MSR_MTRR_DEFAULT);
}

void case_paging_control(void)
{
    run_on_all(note_control, NULL);
    for (unsigned core = 1; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        CHECK_EQUAL(control_of[core].cr0, control_of[0].cr0);
        CHECK_EQUAL(control_of[core].cr4, control_of[0].cr4);
        CHECK_EQUAL(control_of[core].efer, control_of[0].efer);
        CHECK_EQUAL(control_of[core].pat, control_of[0].pat);
        CHECK_EQUAL(vector_states[core], vector_states[0]);
        CHECK_EQUAL(memory_types[core], memory_types[0]);
    }
}
