// SPDX-License-Identifier: MIT
// PCI configuration space, base address registers, capabilities and MSI-X.
// Context: core 0 while booting; the accessors from any thread of the device's core.
// Spec: PCI Local Bus 3.0, PCI Express Base 4.0 chapter 7.
#pragma once

#include "kernel/compiler.h"

struct acpi_facts;

struct pci_device {
    uint16_t segment;
    uint8_t bus, slot, function;
    uint16_t vendor_id, device_id;
    uint8_t class_code, subclass, interface, revision;
    const char *driver; // name of the driver that is for it, NULL without one
    // pci.c's
    volatile uint8_t *config; // memory-mapped configuration space, NULL: through ports
    uint64_t bars[6];         // physical addresses of its memory, 0: none
    bool decodes;             // whether firmware left them in use
    struct pci_device *next;
};

// Finds every function on every bus behind every host bridge: through the memory-mapped windows of
// the MCFG table, else through ports 0xCF8/0xCFC. Logs nothing but what is broken.
// Context: core 0, while booting; a second scan forgets the first.
void pci_scan(const struct acpi_facts *acpi);
// All functions found, in bus order; NULL when there is none.
struct pci_device *pci_first(void);
// Where it is, as a number: in the order of segments, buses, slots and functions.
static inline uint32_t pci_address(const struct pci_device *device)
{
    return (uint32_t)device->segment << 16 | (uint32_t)device->bus << 8 |
           (uint32_t)device->slot << 3 | device->function;
}
// "00:02.0", or "0001:00:02.0" for other segments, in `text`.
#define PCI_NAME_BYTES 16
const char *pci_name(const struct pci_device *device, char text[PCI_NAME_BYTES]);

uint8_t pci_read8(const struct pci_device *device, uint16_t offset);
uint16_t pci_read16(const struct pci_device *device, uint16_t offset);
uint32_t pci_read32(const struct pci_device *device, uint16_t offset);
void pci_write16(const struct pci_device *device, uint16_t offset, uint16_t value);

// Offset of the next capability with `id` after `from` (0 to start), or 0. A list that loops ends.
uint8_t pci_find_capability(const struct pci_device *device, uint8_t id, uint8_t from);
// Physical address of memory BAR `index` (0..5), 64-bit ones included, and what its size cannot
// exceed: a BAR is aligned to its size and ends before the next one that any device decodes. The
// size itself is not asked for: each look would move the BAR, which costs a hypervisor a new memory
// map. Returns: 0, or -ENODEV when the BAR is absent, of I/O type, or was given no address.
int pci_bar(const struct pci_device *device, int index, uint64_t *phys,
            uint64_t *size_max) MUST_CHECK;
// Lets the device decode memory and master the bus.
void pci_enable(const struct pci_device *device);
// Stops the device from mastering the bus: it cannot touch memory any more.
void pci_disable(const struct pci_device *device);

// MSI-X of one device. Vectors are programmed one by one.
struct pci_msix {
    uint16_t table_size; // entries
    volatile void *table;
};
// Maps the table, masks all entries, turns MSI-X on. Returns: 0, or -ENODEV without MSI-X, or
// -EINVAL when its table lies outside of its BAR, or -ENOMEM.
int pci_msix_enable(struct pci_device *device, struct pci_msix *msix) MUST_CHECK;
// Routes `entry` to interrupt `vector` of this core and unmasks it. Returns: 0, or -ERANGE where no
// device reaches this core.
int pci_msix_route(struct pci_msix *msix, uint16_t entry, int vector) MUST_CHECK;
