// SPDX-License-Identifier: MIT
// This machine's page tables: what is mapped where, and the control registers that make the rights
// count. Spec: Intel SDM volume 3, 4.1 (paging modes), 12.12 (page attribute table).
#include "kernel/paging.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/mmio.h"
#include "kernel/pages.h"
#include "kernel/panic.h"

#define MSR_PAT     0x277
#define MSR_EFER    0xc0000080
#define EFER_NXE    (1ull << 11)
#define CR0_WP      (1ull << 16)
#define CR0_TS      (1ull << 3)
#define CR4_PGE     (1ull << 7)
#define CR4_LA57    (1ull << 12)
#define TABLE_ENTRY 0x23 // of a table that points to a table: present, writable, accessed
// Tables that the boot makes, beside those for the ends of RAM: of the image and devices; where
// further cores start; of each of them, with 4 levels.
#define TABLES_SHARED   8
#define TABLES_START    4
#define TABLES_PER_CORE 4
// Entries 0..3: write-back, write-combining, uncached-, uncached; the rest as after reset.
#define PAT_VALUE 0x0007040600070106ull

static struct page_table *boot_root; // core 0's, 4 levels
static uint64_t firmware_register;   // CR3 for calls into the firmware, made for the first
static const struct boot_info *boot; // for that
static struct paging_source source;
static uint64_t mmio_next = PAGING_MMIO_BASE;
static bool has_five_levels;
// The boot's tables lie together and are mapped read-only, so that a stray write changes no rights.
// Those of stacks do not: they come and go with threads on all cores, and kernel/stack_use.c writes
// them.
static struct page_table *tables;
static size_t table_count, tables_used;
static struct paging_source stack_source;

static struct page_table *stack_table_allocate(void)
{
    struct page_table *table = page_alloc(1);
    if (table != NULL)
        memset(table, 0, sizeof(*table));
    return table;
}

// Context: core 0.
static struct page_table *table_allocate(void)
{
    if (tables_used == table_count)
        return stack_table_allocate();
    struct page_table *table = &tables[tables_used++];
    memset(table, 0, sizeof(*table));
    return table;
}

// While this core writes tables, read-only pages are not. Returns: what tables_lock() wants.
static uint64_t tables_unlock(void)
{
    uint64_t cr0 = cpu_read_cr0();
    if (cr0 & CR0_WP)
        cpu_write_cr0(cr0 & ~CR0_WP);
    return cr0;
}

static void tables_lock(uint64_t cr0)
{
    if (cr0 & CR0_WP)
        cpu_write_cr0(cr0);
}

// What goes into CR3: with 5 levels both halves of the address space hang below one table more, for
// addresses that fit 48 bits are the same in both modes.
static uint64_t root_register(struct page_table *root)
{
    if (!has_five_levels)
        return (uintptr_t)root;
    struct page_table *top = table_allocate();
    if (top == NULL)
        return 0;
    top->entries[0] = top->entries[511] = (uintptr_t)root | TABLE_ENTRY;
    return (uintptr_t)top;
}

static bool range_is_ram(const struct memory_range *range)
{
    return range->type <= MEMORY_IMAGE || range->type == MEMORY_ACPI;
}

// A table for each stretch of RAM, whose ends need small leaves. Too few are no harm: those that
// are made last can then be written.
static size_t count_tables(size_t core_count)
{
    size_t count = TABLES_SHARED;
    if (core_count > 1)
        count += TABLES_START + (core_count - 1) * (TABLES_PER_CORE + has_five_levels);
    const struct memory_range *previous = NULL;
    for (size_t i = 0; i < boot->memory_count; i++) {
        const struct memory_range *range = &boot->memory[i];
        if (!range_is_ram(range))
            continue;
        count +=
            previous == NULL || previous->start_phys + previous->size_bytes != range->start_phys;
        previous = range;
    }
    return count;
}

static int map_ram(struct page_table *root)
{
    int error = 0;
    for (size_t i = 0; i < boot->memory_count && error == 0; i++) {
        if (!range_is_ram(&boot->memory[i]))
            continue;
        uint64_t start = boot->memory[i].start_phys, size = boot->memory[i].size_bytes;
        // Neighbouring kinds of RAM go together, for larger leaves.
        while (i + 1 < boot->memory_count && range_is_ram(&boot->memory[i + 1]) &&
               boot->memory[i + 1].start_phys == start + size)
            size += boot->memory[++i].size_bytes;
        error = paging_map(root, &source, start, start, size, PAGING_WRITE);
    }
    return error == 0 ? paging_unmap(root, &source, 0, PAGE_BYTES) : error;
}

static int map_image(struct page_table *root)
{
    const struct {
        char *start, *end;
        unsigned flags;
    } parts[] = {
        {image_start, text_start, PAGING_READ},  {text_start, text_end, PAGING_EXECUTE},
        {rodata_start, rodata_end, PAGING_READ}, {data_start, relro_end, PAGING_READ},
        {relro_end, data_end, PAGING_WRITE},     {percore_start, percore_end, PAGING_WRITE},
        {data_end, image_end, PAGING_READ},
    };
    int error = 0;
    for (size_t i = 0; i < ARRAY_COUNT(parts) && error == 0; i++)
        error = paging_map(root, &source, (uintptr_t)parts[i].start, (uintptr_t)parts[i].start,
                           (uint64_t)(parts[i].end - parts[i].start), parts[i].flags);
    // Whatever lies there: a write that runs past the image goes no further.
    return error == 0 ? paging_unmap(root, &source, (uintptr_t)image_end, PAGE_BYTES) : error;
}

// What firmware that outlives its boot services is made of: it wants every right, so it is mapped
// only while it is called.
static int map_firmware(struct page_table *root)
{
    int error = 0;
    for (size_t i = 0; i < boot->memory_count && error == 0; i++) {
        const struct memory_range *range = &boot->memory[i];
        unsigned flags = PAGING_WRITE | PAGING_EXECUTE;
        if (range->type == MEMORY_RUNTIME_MMIO)
            flags = PAGING_WRITE | PAGING_UNCACHED;
        else if (range->type != MEMORY_RUNTIME_CODE && range->type != MEMORY_RUNTIME_DATA)
            continue;
        error = paging_map(root, &source, range->start_phys, range->start_phys, range->size_bytes,
                           flags);
    }
    return error;
}

static bool cpu_has_1gib_pages(void)
{
    uint32_t a, b, c, d;
    cpu_id(0x80000000, 0, &a, &b, &c, &d);
    if (a < 0x80000001)
        return false;
    cpu_id(0x80000001, 0, &a, &b, &c, &d);
    return d >> 26 & 1;
}

// Makes the tables below the root for addresses from `virt` to `end`.
static void make_shared(struct page_table *(*allocate)(void), uint64_t virt, uint64_t end)
{
    for (; virt < end; virt += 1ull << 39) {
        struct page_table *table = allocate();
        if (table == NULL)
            panic("paging: no memory for page tables");
        boot_root->entries[virt >> 39 & 511] = (uintptr_t)table | TABLE_ENTRY;
    }
}

void paging_start(const struct boot_info *info, size_t core_count_max)
{
    boot = info;
    has_five_levels = cpu_read_cr4() & CR4_LA57;
    size_t wanted = count_tables(core_count_max);
    tables = page_alloc(wanted);
    table_count = tables != NULL ? wanted : 0;
    source = (struct paging_source){table_allocate, cpu_has_1gib_pages()};
    stack_source = (struct paging_source){stack_table_allocate, false};
    boot_root = table_allocate();
    if (boot_root == NULL)
        panic("paging: no memory for page tables");
    // Shared by all roots: made now, so that copies of the root point to the same tables.
    make_shared(table_allocate, PAGING_MMIO_BASE, PAGING_MMIO_BASE + 1);
    make_shared(stack_table_allocate, PAGING_STACK_BASE, PAGING_STACK_END);
    uint64_t root = root_register(boot_root);
    uint64_t start = (uintptr_t)tables, size = table_count * PAGE_BYTES;
    if (map_ram(boot_root) != 0 || map_image(boot_root) != 0 || root == 0 ||
        paging_map(boot_root, &source, start, start, size, PAGING_READ) != 0)
        panic("paging: no memory to map %zu ranges of memory", info->memory_count);

    cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_NXE);
    cpu_write_msr(MSR_PAT, PAT_VALUE);
    cpu_write_cr3(root);
    cpu_write_cr0(cpu_read_cr0() & ~(CR0_WP | CR0_TS)); // until paging_seal()
    // Global pages of the firmware's tables must not outlive them.
    cpu_write_cr4(cpu_read_cr4() & ~CR4_PGE);
}

void paging_seal(void)
{
    cpu_write_cr0(cpu_read_cr0() | CR0_WP);
}

bool paging_is_table(uintptr_t address)
{
    return address - (uintptr_t)tables < table_count * PAGE_BYTES;
}

uint64_t paging_core_root(const void *percore_copy)
{
    struct page_table *root = table_allocate();
    if (root == NULL)
        return 0;
    *root = *boot_root;
    uint64_t start = (uintptr_t)percore_start, size = (uint64_t)(percore_end - percore_start);
    if (paging_unshare(root, &source, start, size) != 0 ||
        paging_map(root, &source, start, (uintptr_t)percore_copy, size, PAGING_WRITE) != 0)
        return 0;
    return root_register(root);
}

int paging_trampoline_root(uint64_t phys, struct page_table pages[2], uint64_t *root)
{
    memset(pages, 0, 2 * sizeof(pages[0]));
    pages[0] = *boot_root;
    int error = paging_unshare(&pages[0], &source, phys, PAGE_BYTES);
    if (error == 0)
        error = paging_map(&pages[0], &source, phys, phys, PAGE_BYTES, PAGING_EXECUTE);
    *root = (uintptr_t)&pages[0];
    if (has_five_levels) {
        pages[1].entries[0] = pages[1].entries[511] = (uintptr_t)&pages[0] | TABLE_ENTRY;
        *root = (uintptr_t)&pages[1];
    }
    return error;
}

struct paging_control paging_control_get(void)
{
    return (struct paging_control){cpu_read_cr0() | CR0_WP, cpu_read_cr4(), cpu_read_msr(MSR_EFER),
                                   PAT_VALUE};
}

int paging_map_stack(uint64_t virt, void *pages, size_t count)
{
    int error = paging_map(boot_root, &stack_source, virt, (uintptr_t)pages, count * PAGE_BYTES,
                           PAGING_WRITE);
    if (error != 0) {
        int left = paging_unmap(boot_root, &stack_source, virt, count * PAGE_BYTES);
        ASSERT(left == 0); // nothing to split, so no memory needed
        for (size_t i = 0; i < count; i++)
            cpu_invalidate_page((const void *)(virt + i * PAGE_BYTES));
    }
    return error;
}

bool paging_is_mapped(uintptr_t address)
{
    // Bits 63..47 of an address are all the same: others are no address.
    int64_t top = (int64_t)address >> 47;
    uint64_t phys;
    unsigned flags;
    return boot_root != NULL && (top == 0 || top == -1) &&
           paging_lookup(boot_root, address, &phys, &flags);
}

static void *map_upper(uint64_t phys, size_t size_bytes, unsigned flags)
{
    uint64_t offset = phys % PAGE_BYTES;
    uint64_t size = ALIGN_UP(offset + size_bytes, PAGE_BYTES);
    uint64_t virt = mmio_next;
    if (size >= PAGE_PIECE_BYTES) // the same place within 2 MiB, so that large leaves fit
        virt = ALIGN_UP(virt, PAGE_PIECE_BYTES) + (phys - offset) % PAGE_PIECE_BYTES;
    uint64_t cr0 = tables_unlock();
    int error = paging_map(boot_root, &source, virt, phys - offset, size, flags);
    tables_lock(cr0);
    if (error != 0)
        return NULL;
    mmio_next = virt + size;
    return (void *)(virt + offset);
}

void *mmio_map(uint64_t phys, size_t size_bytes)
{
    return map_upper(phys, size_bytes, PAGING_WRITE | PAGING_UNCACHED);
}

void *paging_alias(uint64_t phys, size_t size_bytes)
{
    return map_upper(phys, size_bytes, PAGING_WRITE);
}

void *mmio_map_framebuffer(uint64_t phys, size_t size_bytes)
{
    return map_upper(phys, size_bytes, PAGING_WRITE | PAGING_WRITE_COMBINING);
}

// Made for the first call: most machines never make one.
static int build_firmware_root(void)
{
    struct page_table *root = table_allocate();
    if (root == NULL)
        return -ENOMEM;
    for (unsigned i = 256; i < 512; i++)
        root->entries[i] = boot_root->entries[i];
    if (map_ram(root) != 0 || map_image(root) != 0 || map_firmware(root) != 0)
        return -ENOMEM; // the tables stay lost: the machine is about to end
    firmware_register = root_register(root);
    return firmware_register != 0 ? 0 : -ENOMEM;
}

int paging_call_firmware(void (*call)(void *argument), void *argument)
{
    ASSERT(core_index() == 0);
    uint64_t cr0 = tables_unlock();
    int error = firmware_register != 0 ? 0 : build_firmware_root();
    tables_lock(cr0);
    if (error != 0)
        return error;
    cpu_interrupts_off();
    uint64_t own = cpu_read_cr3();
    cpu_write_cr3(firmware_register);
    call(argument);
    cpu_write_cr3(own);
    cpu_interrupts_on();
    return 0;
}
