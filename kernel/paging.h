// SPDX-License-Identifier: MIT
// The machine's own page tables: RAM identity-mapped, nothing writable and executable, page 0
// absent, device memory and stacks at addresses of their own in the upper half.
// Spec: Intel SDM volume 3, chapter 4.
#pragma once

#include "kernel/boot_info.h"
#include "kernel/compiler.h"
#include "kernel/core.h"

// Rights of a mapping; RAM unless an uncached or write-combining flag says otherwise.
enum paging_flags {
    PAGING_READ = 0,
    PAGING_WRITE = 1,
    PAGING_EXECUTE = 2,
    PAGING_UNCACHED = 4,
    PAGING_WRITE_COMBINING = 8,
};

// ---- page tables as data (paging_tables.c, tested on the host) ---------------------------------

struct page_table {
    uint64_t entries[512];
};
// Where tables come from, and whether leaves of 1 GiB may be used.
struct paging_source {
    struct page_table *(*allocate)(void); // zeroed, identity-mapped; NULL: no memory
    bool has_1gib_pages;
};
// Maps [virt, virt + size) to phys with the largest leaves that fit; what was mapped there is
// replaced, larger leaves around it are split. Multiples of 4 KiB. Returns: 0 or -ENOMEM.
int paging_map(struct page_table *root, const struct paging_source *source, uint64_t virt,
               uint64_t phys, uint64_t size_bytes, unsigned flags) MUST_CHECK;
int paging_unmap(struct page_table *root, const struct paging_source *source, uint64_t virt,
                 uint64_t size_bytes) MUST_CHECK;
// Gives `root` tables of its own along the way to [virt, virt + size), where it shared them until
// now. The range must be mapped by 4 KiB leaves in the end: it is split so. Returns: 0 or -ENOMEM.
int paging_unshare(struct page_table *root, const struct paging_source *source, uint64_t virt,
                   uint64_t size_bytes) MUST_CHECK;
// What a walk finds at `virt`. Returns: false if nothing is mapped there.
bool paging_lookup(const struct page_table *root, uint64_t virt, uint64_t *phys, unsigned *flags);

// ---- this machine's (paging.c) -----------------------------------------------------------------

// Stacks of core n: PAGING_STACK_BASE + n GiB. Device registers: from PAGING_MMIO_BASE on.
#define PAGING_MMIO_BASE       0xffff800000000000ull
#define PAGING_STACK_BASE      0xffff808000000000ull
#define PAGING_STACK_CORE_SPAN (1ull << 30)
#define PAGING_STACK_END       (PAGING_STACK_BASE + CORES_MAX * PAGING_STACK_CORE_SPAN)

// Builds core 0's tables and loads them; their rights bind from paging_seal() on. Panics without
// memory. Owns: `info`, which must stay as it is.
void paging_start(const struct boot_info *info, size_t core_count_max);
// From here on what is read-only is so, for core 0 and the page tables that were made too.
// Context: core 0, when the other cores have their tables; they obey their own from the start.
void paging_seal(void);
// true if `address` lies in the read-only page tables.
bool paging_is_table(uintptr_t address);
// Tables for one more core, on which the core-local part of the image is `percore_copy`.
// Context: core 0, before paging_seal(). Returns: what to load into CR3, or 0 without memory.
uint64_t paging_core_root(const void *percore_copy) MUST_CHECK;
// Tables for cores on their way up, in two pages below 4 GiB: like core 0's, but the page at `phys`
// may be executed. Returns: 0 and what to load into CR3, or -ENOMEM.
int paging_trampoline_root(uint64_t phys, struct page_table pages[2], uint64_t *root) MUST_CHECK;
// The control registers of core 0, which every core must have.
struct paging_control {
    uint64_t cr0, cr4, efer, pat;
};
struct paging_control paging_control_get(void);

// Maps pages in a core's stack span: the core's own, or core 0 before that core runs.
// Returns: 0, or -ENOMEM and nothing is mapped.
int paging_map_stack(uint64_t virt, void *pages, size_t count) MUST_CHECK;

// A second address for RAM that is not reachable at its first on every core.
// Returns: NULL without memory. Context: core 0.
void *paging_alias(uint64_t phys, size_t size_bytes) MUST_CHECK;

// true if the byte at `address` can be read with core 0's tables, which all cores share but for the
// core-local pages. Context: any; false before paging_start().
bool paging_is_mapped(uintptr_t address);

// Runs `call` on the firmware's terms: its memory mapped as it wants it, interrupts off.
// Context: core 0. Returns: 0 once `call` came back, or -ENOMEM.
int paging_call_firmware(void (*call)(void *argument), void *argument) MUST_CHECK;
