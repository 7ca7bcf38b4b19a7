// SPDX-License-Identifier: MIT
// The boot, top to bottom. This file alone in kernel/ may include any layer: it wires them.
#include "kernel/main.h"

#include <string.h>

#include "drivers/probe.h"
#include "kernel/acpi.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/debugger.h"
#include "kernel/fpu.h"
#include "kernel/heap.h"
#include "kernel/heap_internal.h"
#include "kernel/idle.h"
#include "kernel/interrupts.h"
#include "kernel/keys.h"
#include "kernel/log.h"
#include "kernel/log_levels.h"
#include "kernel/memory_map.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/pci.h"
#include "kernel/power.h"
#include "kernel/power_button.h"
#include "kernel/profile.h"
#include "kernel/random.h"
#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/stats.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trace.h"
#include "kernel/version.h"
#include "kernel/watchdog.h"
#include "net/net.h"
#include "posix/start.h"
#include "smp/bringup.h"
#include "smp/remote.h"
#include "virtio/core.h"

static struct boot_info boot_info;
static struct acpi_facts acpi_facts;

// Linked only into an app that uses the network.
#pragma weak net_start
// Linked into every app that the Makefile does not leave them out of.
#pragma weak keys_start
#pragma weak log_levels_start
#pragma weak power_button_start
#pragma weak profile_start
#pragma weak heap_debug_alloc

// switch.asm
_Noreturn void switch_run_on(uintptr_t stack_top, void (*function)(void));

static const void *acpi_map(uint64_t phys, size_t size_bytes)
{
    // The firmware's own page tables are still loaded: they map all memory of its map.
    return memory_map_contains(boot_info.memory, boot_info.memory_count, phys, size_bytes)
               ? (const void *)phys
               : NULL;
}

static void look_inside(void)
{
    if (keys_start != NULL)
        keys_start(&acpi_facts, remote_call);
    if (profile_start != NULL)
        profile_start(remote_call);
    if (power_button_start != NULL)
        power_button_start(&acpi_facts);
}

// The thread in which the boot goes on once the loop of core 0 runs: its steps may sleep.
static void boot_thread(void *argument)
{
    (void)argument;
    pci_scan(&acpi_facts);
    virtio_probe_all();
    drivers_probe_all();
    if (net_start != NULL)
        net_start();
    look_inside();

    struct machine_stats stats;
    stats_boot_done(boot_info.entry_tsc, boot_info.left_tsc);
    machine_stats_get(&stats);
    log_info("toril: main after %llu.%03llu ms (%llu.%03llu ms since leaving firmware), %u cores, "
             "%llu MiB",
             stats.boot_ns / NS_PER_MS, stats.boot_ns / NS_PER_US % 1000,
             stats.boot_since_firmware_ns / NS_PER_MS,
             stats.boot_since_firmware_ns / NS_PER_US % 1000, stats.cores,
             (unsigned long long)stats.memory_total_bytes >> 20);
    options_set_program(app_name);
    posix_run_main(options_argc(), options_argv(), options_environ());
}

// On a stack of our own: nothing of the firmware's is in use any more.
static void boot_own_stack(void)
{
    page_pool_reclaim(&boot_info);
    trace_start_core();
    apic_start(acpi_facts.local_apic_phys);
    time_start_timer();
    random_start(&boot_info);
    memset(boot_info.entropy, 0, sizeof(boot_info.entropy));  // nobody finds it here later
    bringup_begin(&acpi_facts, &boot_info, posix_start_core); // the other cores come up meanwhile
    console_start_serial(acpi_facts.serial_port);
    console_start_framebuffer(&boot_info.framebuffer);
    time_calibrate(&acpi_facts);
    clock_start(&boot_info);
    bringup_finish();
    paging_seal();
    watchdog_start();
    random_seal();
    if (thread_create("main", boot_thread, NULL) == NULL)
        panic("boot: no memory for the first thread");
    scheduler_run();
}

static uint64_t entropy_word(void)
{
    uint64_t word;
    memcpy(&word, boot_info.entropy, sizeof(word));
    return word;
}

void kernel_main(const struct boot_info *info)
{
    cpu_interrupts_off();
    apic_reset_others();
    fpu_start_core();
    boot_info = *info;
    // Frames that hold the old value belong to functions that never return, this one included.
    __stack_chk_guard ^= (boot_info.entry_tsc * 0x9e3779b97f4a7c15 ^ entropy_word()) & ~0xffull;
    posix_start_core();
    console_start();
    log_info("toril: " TORIL_VERSION " with %s, at %#llx, started by %s", app_name,
             (unsigned long long)boot_info.image_phys, boot_info.firmware_name);
    options_parse(boot_info.load_options, boot_info.config_text, boot_info.config_bytes);
    if (log_levels_start != NULL && option_get("log") != NULL)
        log_levels_start(option_get("log"));
    debugger_wait();
    power_start(&boot_info);
    idle_start();
    boot_info.memory_count = memory_map_normalise(boot_info.memory, boot_info.memory_count);
    if (acpi_parse(boot_info.rsdp_phys, acpi_map, &acpi_facts) != 0)
        log_warn("boot: no ACPI tables: one core, no interrupt facts");
    time_start(&acpi_facts, boot_info.entry_tsc);
    if (page_pool_start(&boot_info) != 0)
        panic("boot: no free memory in a map of %zu ranges", boot_info.memory_count);
    heap_start_core();
    paging_start(&boot_info, acpi_facts.cpu_count);
    struct core_stacks stacks;
    if (stack_allocate_core(0, &stacks) != 0)
        panic("boot: no memory for core 0's stacks");
    interrupt_start_core(&stacks);
    switch_run_on(stacks.loop_top, boot_own_stack);
}
