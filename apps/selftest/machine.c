// SPDX-License-Identifier: MIT
// What the machine says of itself.
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/interrupts.h"
#include "kernel/numa.h"
#include "kernel/pages.h"
#include "kernel/pci.h"
#include "kernel/stats.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define CLASS_BRIDGE 0x06

static uint32_t apic_ids[CORES_MAX];

static void note_apic_id(void *argument)
{
    (void)argument;
    apic_ids[core_index()] = apic_id();
}

void case_machine_cores(void)
{
    CHECK(core_count() >= 1 && core_count() <= CORES_MAX);
    CHECK(core_is_online(0));
    CHECK(!core_is_online(core_count()));
    CHECK(!core_is_online(CORES_MAX));
    run_on_all(note_apic_id, NULL);
    for (unsigned a = 0; a < core_count(); a++)
        for (unsigned b = 0; b < a; b++)
            if (core_is_online(a) && core_is_online(b))
                CHECK(apic_ids[a] != apic_ids[b]);
}

static void work_a_little(void *argument)
{
    (void)argument;
    for (int i = 0; i < 5; i++)
        thread_sleep_until(time_now_ns() + NS_PER_MS);
}

void case_machine_stats(void)
{
    struct machine_stats machine, later;
    static struct core_stats core_before[CORES_MAX];
    struct core_stats after;
    machine_stats_get(&machine);
    CHECK(strlen(machine.version) > 0);
    CHECK_EQUAL(machine.cores, run_core_count());
    CHECK(machine.memory_free_bytes > 0 && machine.memory_free_bytes <= machine.memory_total_bytes);
    CHECK(machine.boot_ns > 0 && machine.boot_ns < machine.uptime_ns);
    CHECK(machine.boot_since_firmware_ns > 0 && machine.boot_since_firmware_ns < machine.boot_ns);
    uint64_t total_bytes = 0;
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        total_bytes += page_stats_of(core).total_bytes;
        CHECK(page_stats_of(core).total_bytes > 0);
        core_stats_get(core, &core_before[core]);
    }
    CHECK_EQUAL(total_bytes, machine.memory_total_bytes);
    run_on_all(work_a_little, NULL);
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        core_stats_get(core, &after);
        CHECK(after.switches > core_before[core].switches);
        CHECK(after.interrupts > core_before[core].interrupts);
        CHECK(after.halts > core_before[core].halts);
        CHECK(after.halted_ns > core_before[core].halted_ns);
    }
    machine_stats_get(&later);
    CHECK(later.uptime_ns > machine.uptime_ns);
    CHECK_EQUAL(later.boot_ns, machine.boot_ns);
}

static void memory_is_near(void *argument)
{
    (void)argument;
    void *page = page_alloc(1), *block = malloc(300000);
    __asm__ volatile("" : "+r"(block));
    if (CHECK(page != NULL && block != NULL)) {
        CHECK_EQUAL(numa_node_of_address((uintptr_t)page), numa_node_of_core(core_index()));
        CHECK_EQUAL(numa_node_of_address((uintptr_t)block), numa_node_of_core(core_index()));
    }
    if (page != NULL)
        page_free(page, 1);
    free(block);
}

void case_machine_numa(void)
{
    CHECK(numa_node_count() >= 1);
    run_on_all(memory_is_near, NULL);
}

static unsigned place_of(const struct pci_device *device)
{
    return (unsigned)device->segment << 16 | (unsigned)device->bus << 8 |
           (unsigned)device->slot << 3 | device->function;
}

void case_machine_pci(void)
{
    unsigned bridges = 0, last = 0;
    for (struct pci_device *device = pci_first(); device != NULL; device = device->next) {
        char name[PCI_NAME_BYTES];
        CHECK(strlen(pci_name(device, name)) >= strlen("00:00.0"));
        CHECK(device->vendor_id != 0 && device->vendor_id != 0xffff);
        CHECK(device->slot < 32 && device->function < 8);
        CHECK(device == pci_first() || place_of(device) > last); // in order, none twice
        last = place_of(device);
        bridges += device->class_code == CLASS_BRIDGE;
        // What the scan noted is what the device says.
        CHECK_EQUAL(pci_read16(device, 0), device->vendor_id);
        CHECK_EQUAL(pci_read16(device, 2), device->device_id);
        CHECK_EQUAL(pci_read32(device, 0), device->vendor_id | (uint32_t)device->device_id << 16);
        CHECK_EQUAL(pci_read8(device, 11), device->class_code);
        for (int i = 0; i < 6; i++) {
            uint64_t phys, size_max;
            if (pci_bar(device, i, &phys, &size_max) == 0)
                CHECK(phys != 0 && size_max >= 16 && size_max % 16 == 0);
        }
    }
    // A machine may have no PCI at all, but no devices without a bridge to them.
    CHECK(pci_first() == NULL || bridges > 0);
}
