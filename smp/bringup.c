// SPDX-License-Identifier: MIT
#include "smp/bringup.h"

#include <stdatomic.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/fpu.h"
#include "kernel/heap.h"
#include "kernel/image.h"
#include "kernel/interrupts.h"
#include "kernel/log.h"
#include "kernel/mtrr.h"
#include "kernel/numa.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/time.h"
#include "kernel/trace.h"
#include "smp/borrow.h"
#include "smp/exchange.h"
#include "smp/remote.h"
#include "smp/trampoline.h"
#include "smp/tsc_sync.h"

OPTION_NUMBER(cores, 1, CORES_MAX, "use at most this many cores");

// Since the last one that came.
#define ARRIVAL_TIMEOUT_NS      (200 * NS_PER_MS)
#define ARRIVAL_TIMEOUT_CORE_NS (5 * NS_PER_MS) // more for each, for those that share a host's CPU
#define SECOND_STARTUP_NS       (1 * NS_PER_MS) // a core that missed the first start-up gets another
#define EFER_LMA                (1ull << 10)    // read-only: the core sets it itself

// Of the cores from 1 on; kept, for the parameters of a core are read while it comes up.
static struct core_start *starts;
static unsigned start_count;
static uint64_t trampoline_phys;
static void (*start_further_core)(void);

// How many cores there will be, this one included, and why not more.
static unsigned count_cores(const struct acpi_facts *facts, const struct boot_info *info)
{
    _Static_assert(ACPI_CPUS_MAX <= CORES_MAX, "what was read can be started");
    size_t count = facts->cpu_count > 0 ? facts->cpu_count : 1;
    if (count > 1 && info->trampoline_phys == 0) {
        log_warn("smp: no free page below 1 MiB to start cores from: only core 0 of %zu runs",
                 count);
        return 1;
    }
    uint64_t wanted = option_get_number("cores", CORES_MAX, 1, CORES_MAX);
    return wanted < count ? (unsigned)wanted : (unsigned)count;
}

// A private copy of the core-local pages, as they were when the image was loaded.
static char *percore_copy(const struct boot_info *info, unsigned index)
{
    struct page {
        uint64_t words[PAGE_BYTES / sizeof(uint64_t)];
    };
    const struct page *template = (const struct page *)info->percore_template_phys;
    size_t count = (size_t)(percore_end - percore_start) / PAGE_BYTES;
    char *copy = page_alloc(count);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) // one instruction a page: cheaper than memcpy()
        ((struct page *)copy)[i] = template[i];
    *(unsigned *)(copy + ((char *)&core_this_index - percore_start)) = index;
    core_local_pages[index] = copy;
    return copy;
}

static bool prepare_core(struct core_start *start, const struct boot_info *info, unsigned index,
                         uint32_t apic_id)
{
    numa_set_core(index, apic_id);
    numa_prefer(index); // its own pages should be near it

    char *copy = percore_copy(info, index);
    if (copy == NULL || stack_allocate_core(index, &start->stacks) != 0)
        return false;
    start->apic_id = apic_id;
    start->index = index;
    start->root = paging_core_root(copy);
    return start->root != 0;
}

static struct page_share *share_of(unsigned core)
{
    return &starts[core - 1].memory;
}

static enum core_progress progress_of(const struct core_start *start)
{
    // Pairs with bringup_core_main().
    return (enum core_progress)atomic_load_explicit(&start->progress, memory_order_acquire);
}

static void start_missing(void)
{
    for (unsigned i = 0; i < start_count; i++)
        if (progress_of(&starts[i]) == CORE_AWAITED)
            apic_send_startup(starts[i].apic_id, trampoline_phys);
}

static bool prepare_trampoline(const struct boot_info *info)
{
    char *page = (char *)info->trampoline_phys;
    uint64_t root;
    struct page_table *tables = (struct page_table *)(page + PAGE_BYTES);
    if (paging_trampoline_root(info->trampoline_phys, tables, &root) != 0)
        return false;
    struct paging_control control = paging_control_get();
    uint32_t base = (uint32_t)info->trampoline_phys;
    memset(page, 0, PAGE_BYTES);
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    *(struct trampoline_parameters *)(page +
                                      TRAMPOLINE_PARAMETERS) = (struct trampoline_parameters){
        .cr3 = (uint32_t)root,
        .cr4 = (uint32_t)control.cr4,
        .cr0 = (uint32_t)control.cr0,
        .efer = (uint32_t)(control.efer & ~EFER_LMA),
        .pat = control.pat,
        .starts = (uintptr_t)starts,
        .entry = (uintptr_t)trampoline_enter,
        .start_count = start_count,
        .start_bytes = sizeof(struct core_start),
        .far_offset = base + (uint32_t)(trampoline_long - trampoline_start),
        .far_selector = 8,
        .gdt_limit = 15,
        .gdt_base = base + TRAMPOLINE_PARAMETERS + offsetof(struct trampoline_parameters, gdt),
        .gdt = {0, 0x00af9b000000ffff}, // 64-bit code, its accessed bit set: the page is read-only
    };
    return true;
}

// Gives every core what it needs, as far as memory and the local APICs reach.
static void prepare_cores(const struct acpi_facts *facts, const struct boot_info *info,
                          unsigned count)
{
    uint32_t own_id = apic_id();
    unsigned out_of_reach = 0;
    for (size_t i = 0; i < facts->cpu_count && start_count < count - 1; i++) {
        uint32_t id = facts->cpus[i].apic_id;
        if (id == own_id)
            continue;
        if (!apic_reaches(id)) {
            out_of_reach++;
            continue;
        }
        if (!prepare_core(&starts[start_count], info, start_count + 1, id)) {
            log_warn("smp: not enough memory for more than %u cores", start_count + 1);
            break;
        }
        start_count++;
        log_debug("smp: core %u is APIC id %u", start_count, id);
    }
    if (out_of_reach > 0)
        log_warn("smp: %u cores with APIC ids above 254 left out: turn on x2APIC in the firmware",
                 out_of_reach);
}

void bringup_begin(const struct acpi_facts *facts, const struct boot_info *info,
                   void (*start_core)(void))
{
    _Static_assert(sizeof(struct trampoline_parameters) + TRAMPOLINE_PARAMETERS <= PAGE_BYTES, "");
    ASSERT((size_t)(trampoline_end - trampoline_start) <= TRAMPOLINE_PARAMETERS);
    numa_start(facts);
    numa_set_core(0, apic_id());
    numa_prefer(0);
    unsigned count = count_cores(facts, info);
    char **local_pages = heap_alloc_zeroed(count * sizeof(*local_pages));
    if (local_pages == NULL)
        panic("smp: no memory for %u cores", count);
    core_local_pages = local_pages;
    core_local_pages[0] =
        paging_alias((uintptr_t)percore_start, (size_t)(percore_end - percore_start));
    if (core_local_pages[0] == NULL || exchange_start(count) != 0)
        panic("smp: no memory for the exchange slots of %u cores", count);
    exchange_start_core(apic_id());
    remote_start();
    borrow_start();
    start_further_core = start_core;
    mtrr_note();
    if (count == 1)
        return;
    starts = heap_alloc_zeroed((count - 1) * sizeof(*starts));
    if (starts == NULL)
        panic("smp: no memory to start %u cores", count);

    prepare_cores(facts, info, count);
    numa_prefer(0);
    numa_share_memory(start_count + 1, share_of);
    core_slot_count = start_count + 1;
    trampoline_phys = info->trampoline_phys;
    if (start_count == 0 || !prepare_trampoline(info))
        return;
    // They have waited for it since apic_reset_others().
    start_missing();
}

static unsigned count_arrived(void)
{
    unsigned arrived = 0;
    for (unsigned i = 0; i < start_count; i++)
        arrived += progress_of(&starts[i]) != CORE_AWAITED;
    return arrived;
}

// Many cores may share few CPUs of a host: the wait is as long as they keep coming.
static void wait_until_arrived(uint64_t timeout_ns)
{
    uint64_t since = time_now_ns();
    unsigned arrived = 0;
    bool sent_again = false;
    while (arrived < start_count && time_now_ns() - since < timeout_ns) {
        cpu_pause();
        unsigned arrived_now = count_arrived();
        if (arrived_now > arrived)
            since = time_now_ns();
        arrived = arrived_now;
        if (!sent_again && time_now_ns() - since >= SECOND_STARTUP_NS) {
            sent_again = true;
            start_missing();
        }
    }
}

// Leaves the core out if it has not arrived by now.
static bool comes_up(struct core_start *start)
{
    if (progress_of(start) == CORE_AWAITED) {
        atomic_store_explicit(&start->is_left_out, true, memory_order_release);
        cpu_full_barrier(); // pairs with may_join(): at least one sees the other's store
    }
    while (progress_of(start) == CORE_ARRIVED)
        cpu_pause();
    return progress_of(start) == CORE_UP;
}

void bringup_finish(void)
{
    uint64_t timeout_ns = ARRIVAL_TIMEOUT_NS + start_count * ARRIVAL_TIMEOUT_CORE_NS;
    wait_until_arrived(timeout_ns);
    unsigned up = 0;
    for (unsigned i = 0; i < start_count; i++) {
        if (comes_up(&starts[i]))
            up++;
        else
            core_local_pages[starts[i].index] = NULL;
    }
    log_info("smp: %u of %u cores up, %s", 1 + up, 1 + start_count,
             apic_is_x2apic() ? "x2APIC" : "xAPIC");
    for (unsigned i = 0; i < start_count; i++)
        if (!core_is_online(starts[i].index))
            log_warn("smp: core %u (APIC id %u) did not start within %llu ms: left out",
                     starts[i].index, starts[i].apic_id,
                     (unsigned long long)(timeout_ns / NS_PER_MS));
    if (up > 0)
        tsc_sync();
}

static bool may_join(struct core_start *start)
{
    atomic_store_explicit(&start->progress, CORE_ARRIVED, memory_order_release);
    cpu_full_barrier(); // pairs with comes_up()
    return !atomic_load_explicit(&start->is_left_out, memory_order_acquire);
}

void bringup_core_main(struct core_start *start)
{
    interrupt_start_core(&start->stacks); // first: a panic elsewhere may send an NMI
    time_start_core(0);
    if (!may_join(start)) {
        atomic_store_explicit(&start->progress, CORE_PARKED, memory_order_release);
        for (;;)
            cpu_halt();
    }
    fpu_start_core();
    mtrr_take_over();
    page_pool_adopt(&start->memory);
    numa_prefer(start->index);
    heap_start_core();
    apic_start_core();
    random_start_core();
    start_further_core();
    exchange_start_core(start->apic_id);
    trace_start_core();
    atomic_store_explicit(&start->progress, CORE_UP, memory_order_release);
    scheduler_run();
}
