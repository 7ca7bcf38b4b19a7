// SPDX-License-Identifier: MIT
#include "kernel/pci.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/interrupts.h"
#include "kernel/log.h"
#include "kernel/mmio.h"

#define PORT_ADDRESS 0xCF8
#define PORT_DATA    0xCFC

#define BUSES               256
#define SLOTS               32
#define FUNCTIONS           8
#define ECAM_BUS_BYTES      (1u << 20)
#define ECAM_FUNCTION_BYTES 4096u

#define CONFIG_VENDOR       0x00
#define CONFIG_COMMAND      0x04
#define CONFIG_STATUS       0x06
#define CONFIG_CLASS        0x08
#define CONFIG_HEADER_TYPE  0x0e
#define CONFIG_BAR          0x10
#define CONFIG_BUSES        0x18 // of a bridge: primary, secondary, subordinate
#define CONFIG_CAPABILITIES 0x34

#define COMMAND_MEMORY        0x0002
#define COMMAND_BUS_MASTER    0x0004
#define COMMAND_INTX_DISABLE  0x0400
#define STATUS_CAPABILITIES   0x0010
#define HEADER_MULTIFUNCTION  0x80
#define HEADER_TYPE_MASK      0x7f
#define HEADER_BRIDGE         1
#define HEADER_BRIDGE_BARS    2
#define CLASS_HOST_BRIDGE     0x0600
#define BAR_IO                0x1
#define BAR_TYPE_MASK         0x6
#define BAR_TYPE_64           0x4
#define CAPABILITIES_START    0x40
#define CAPABILITY_MSIX       0x11
#define MSIX_CONTROL          2 // offsets in the capability
#define MSIX_TABLE            4
#define MSIX_CONTROL_SIZE     0x07ff
#define MSIX_CONTROL_MASK_ALL 0x4000
#define MSIX_CONTROL_ENABLE   0x8000
#define MSIX_ENTRY_BYTES      16
#define MSIX_ENTRY_MASKED     1

static struct pci_device *first_device;
static struct pci_device **last_link = &first_device;

// ---- access -------------------------------------------------------------------------------------

static void select_port(const struct pci_device *device, uint16_t offset)
{
    cpu_out32(PORT_ADDRESS, 0x80000000u | (uint32_t)device->bus << 16 |
                                (uint32_t)device->slot << 11 | (uint32_t)device->function << 8 |
                                (offset & 0xfc));
}

uint8_t pci_read8(const struct pci_device *device, uint16_t offset)
{
    if (device->config != NULL)
        return mmio_read8(device->config + offset);
    select_port(device, offset);
    return cpu_in8(PORT_DATA + (offset & 3));
}

uint16_t pci_read16(const struct pci_device *device, uint16_t offset)
{
    if (device->config != NULL)
        return mmio_read16(device->config + offset);
    select_port(device, offset);
    return cpu_in16(PORT_DATA + (offset & 2));
}

uint32_t pci_read32(const struct pci_device *device, uint16_t offset)
{
    if (device->config != NULL)
        return mmio_read32(device->config + offset);
    select_port(device, offset);
    return cpu_in32(PORT_DATA);
}

void pci_write16(const struct pci_device *device, uint16_t offset, uint16_t value)
{
    if (device->config != NULL) {
        mmio_write16(device->config + offset, value);
        return;
    }
    select_port(device, offset);
    cpu_out16(PORT_DATA + (offset & 2), value);
}

// ---- scan ---------------------------------------------------------------------------------------

struct scan {                     // of one segment
    const struct acpi_ecam *ecam; // NULL: through ports
    uint64_t seen[BUSES / 64];
};

static bool mark_bus(struct scan *scan, unsigned bus)
{
    uint64_t bit = 1ull << (bus % 64);
    bool was_seen = (scan->seen[bus / 64] & bit) != 0;
    scan->seen[bus / 64] |= bit;
    return !was_seen;
}

static bool in_window(const struct scan *scan, unsigned bus)
{
    return scan->ecam == NULL || (bus >= scan->ecam->first_bus && bus <= scan->ecam->last_bus);
}

static void read_bars(struct pci_device *device)
{
    device->decodes = (pci_read16(device, CONFIG_COMMAND) & COMMAND_MEMORY) != 0;
    unsigned count = ARRAY_COUNT(device->bars);
    if ((pci_read8(device, CONFIG_HEADER_TYPE) & HEADER_TYPE_MASK) != 0)
        count = HEADER_BRIDGE_BARS; // the rest of its header means other things
    for (unsigned i = 0; i < count; i++) {
        uint16_t offset = (uint16_t)(CONFIG_BAR + 4 * i);
        uint32_t low = pci_read32(device, offset);
        if ((low & BAR_IO) != 0)
            continue;
        device->bars[i] = low & ~0xfull;
        if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && i + 1 < count)
            device->bars[i++] |= (uint64_t)pci_read32(device, offset + 4) << 32;
    }
}

// Reads the function at the address in *found; if there is one, adds it to the list.
static struct pci_device *add_function(struct pci_device *found)
{
    uint32_t id = pci_read32(found, CONFIG_VENDOR);
    if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0)
        return NULL;
    struct pci_device *device = heap_alloc(sizeof(*device));
    if (device == NULL) {
        log_warn("pci: no memory for %02x:%02x.%x, left out", found->bus, found->slot,
                 found->function);
        return NULL;
    }
    *device = *found;
    uint32_t class_revision = pci_read32(device, CONFIG_CLASS);
    device->vendor_id = (uint16_t)id;
    device->device_id = (uint16_t)(id >> 16);
    device->class_code = (uint8_t)(class_revision >> 24);
    device->subclass = (uint8_t)(class_revision >> 16);
    device->interface = (uint8_t)(class_revision >> 8);
    device->revision = (uint8_t)class_revision;
    read_bars(device);
    log_debug("pci: %02x:%02x.%x is %04x:%04x, class %02x%02x", device->bus, device->slot,
              device->function, device->vendor_id, device->device_id, device->class_code,
              device->subclass);
    *last_link = device;
    last_link = &device->next;
    return device;
}

static void scan_bus(struct scan *scan, unsigned bus);

static void scan_behind(struct scan *scan, const struct pci_device *device)
{
    if ((pci_read8(device, CONFIG_HEADER_TYPE) & HEADER_TYPE_MASK) != HEADER_BRIDGE)
        return;
    unsigned secondary = pci_read32(device, CONFIG_BUSES) >> 8 & 0xff;
    // A bridge without a number of its own was not set up; one that leads back would loop.
    if (secondary > device->bus && in_window(scan, secondary))
        scan_bus(scan, secondary);
}

static void scan_bus(struct scan *scan, unsigned bus)
{
    if (!mark_bus(scan, bus))
        return;
    volatile uint8_t *base = NULL;
    if (scan->ecam != NULL) {
        base = mmio_map(scan->ecam->base_phys + (uint64_t)bus * ECAM_BUS_BYTES, ECAM_BUS_BYTES);
        if (base == NULL) {
            log_warn("pci: no memory to map bus %04x:%02x, left out", scan->ecam->segment, bus);
            return;
        }
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        unsigned functions = 1;
        for (unsigned function = 0; function < functions; function++) {
            struct pci_device at = {.segment = scan->ecam != NULL ? scan->ecam->segment : 0,
                                    .bus = (uint8_t)bus,
                                    .slot = (uint8_t)slot,
                                    .function = (uint8_t)function};
            if (base != NULL)
                at.config = base + (slot * FUNCTIONS + function) * ECAM_FUNCTION_BYTES;
            struct pci_device *device = add_function(&at);
            if (device == NULL)
                continue;
            if (function == 0 && pci_read8(device, CONFIG_HEADER_TYPE) & HEADER_MULTIFUNCTION)
                functions = FUNCTIONS;
            scan_behind(scan, device);
        }
    }
}

// Whether the first bus shows QEMU's chipsets with one host bridge and no more: all is then behind
// it. Looking at 250 absent buses would cost thousands of exits to the hypervisor.
static bool has_single_root(void)
{
    static const uint32_t chipsets[] = {0x12378086, 0x29c08086}; // machines pc and q35
    bool is_known = false;
    for (const struct pci_device *device = first_device; device != NULL; device = device->next) {
        if ((device->class_code << 8 | device->subclass) != CLASS_HOST_BRIDGE)
            continue;
        if (device->bus != 0 || device->slot != 0) // also shows a second root (pxb, pxb-pcie)
            return false;
        uint32_t id = (uint32_t)device->device_id << 16 | device->vendor_id;
        for (size_t i = 0; i < ARRAY_COUNT(chipsets); i++)
            is_known |= chipsets[i] == id;
    }
    return is_known;
}

static void scan_segment(const struct acpi_ecam *ecam)
{
    struct scan scan = {.ecam = ecam};
    unsigned first = ecam != NULL ? ecam->first_bus : 0;
    unsigned last = ecam != NULL ? ecam->last_bus : BUSES - 1;
    scan_bus(&scan, first);
    if ((ecam == NULL || ecam->segment == 0) && has_single_root())
        return;
    // Other host bridges of the segment have buses that no bridge leads to.
    for (unsigned bus = first + 1; bus <= last; bus++)
        scan_bus(&scan, bus);
}

// The scan follows bridges; the list is in the order of the addresses.
static void sort_devices(void)
{
    struct pci_device *rest = first_device;
    first_device = NULL;
    while (rest != NULL) {
        struct pci_device *device = rest;
        rest = rest->next;
        struct pci_device **link = &first_device;
        while (*link != NULL &&
               ((*link)->segment < device->segment ||
                ((*link)->segment == device->segment && (*link)->bus <= device->bus)))
            link = &(*link)->next;
        device->next = *link;
        *link = device;
    }
}

void pci_scan(const struct acpi_facts *acpi)
{
    first_device = NULL;
    last_link = &first_device;
    for (size_t i = 0; i < acpi->ecam_count; i++)
        scan_segment(&acpi->ecam[i]);
    if (first_device == NULL) // also where the windows hold nothing
        scan_segment(NULL);
    sort_devices();
}

struct pci_device *pci_first(void)
{
    return first_device;
}

// ---- names --------------------------------------------------------------------------------------

const char *pci_name(const struct pci_device *device, char text[PCI_NAME_BYTES])
{
    if (device->segment != 0)
        snprintf(text, PCI_NAME_BYTES, "%04x:%02x:%02x.%x", device->segment, device->bus,
                 device->slot & 0x1f, device->function & 7);
    else
        snprintf(text, PCI_NAME_BYTES, "%02x:%02x.%x", device->bus, device->slot & 0x1f,
                 device->function & 7);
    return text;
}

// ---- capabilities, BARs -------------------------------------------------------------------------

uint8_t pci_find_capability(const struct pci_device *device, uint8_t id, uint8_t from)
{
    if ((pci_read16(device, CONFIG_STATUS) & STATUS_CAPABILITIES) == 0)
        return 0;
    uint64_t seen = 0; // one bit for each 4 bytes: a list may lead anywhere, also back
    bool is_after = from == 0;
    uint8_t at = pci_read8(device, CONFIG_CAPABILITIES) & 0xfc;
    while (at >= CAPABILITIES_START && (seen >> (at / 4) & 1) == 0) {
        seen |= 1ull << (at / 4);
        if (is_after && pci_read8(device, at) == id)
            return at;
        if (at == from)
            is_after = true;
        at = pci_read8(device, (uint16_t)(at + 1)) & 0xfc;
    }
    return 0;
}

// The room from one BAR's address on that no other device decodes.
static uint64_t bar_room(uint64_t phys)
{
    uint64_t room_bytes = phys & -phys;
    for (const struct pci_device *other = first_device; other != NULL; other = other->next)
        for (size_t i = 0; i < ARRAY_COUNT(other->bars); i++)
            if (other->decodes && other->bars[i] > phys && other->bars[i] - phys < room_bytes)
                room_bytes = other->bars[i] - phys;
    return room_bytes;
}

int pci_bar(const struct pci_device *device, int index, uint64_t *phys, uint64_t *size_max)
{
    if (index < 0 || index >= (int)ARRAY_COUNT(device->bars) || device->bars[index] == 0)
        return -ENODEV;
    *phys = device->bars[index];
    *size_max = bar_room(*phys);
    return 0;
}

void pci_enable(const struct pci_device *device)
{
    uint16_t command = pci_read16(device, CONFIG_COMMAND);
    command |= COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE;
    pci_write16(device, CONFIG_COMMAND, command);
}

void pci_disable(const struct pci_device *device)
{
    uint16_t command = pci_read16(device, CONFIG_COMMAND);
    pci_write16(device, CONFIG_COMMAND, command & (uint16_t)~COMMAND_BUS_MASTER);
}

// ---- MSI-X --------------------------------------------------------------------------------------

static volatile uint8_t *msix_entry(const struct pci_msix *msix, uint16_t entry)
{
    return (volatile uint8_t *)msix->table + (size_t)entry * MSIX_ENTRY_BYTES;
}

int pci_msix_enable(struct pci_device *device, struct pci_msix *msix)
{
    uint8_t at = pci_find_capability(device, CAPABILITY_MSIX, 0);
    if (at == 0)
        return -ENODEV;
    uint16_t control = pci_read16(device, at + MSIX_CONTROL);
    uint32_t table = pci_read32(device, at + MSIX_TABLE);
    uint32_t offset = table & ~7u;
    msix->table_size = (uint16_t)((control & MSIX_CONTROL_SIZE) + 1);
    size_t table_bytes = (size_t)msix->table_size * MSIX_ENTRY_BYTES;
    uint64_t bar_phys, bar_bytes;
    int error = pci_bar(device, (int)(table & 7), &bar_phys, &bar_bytes);
    if (error != 0)
        return error;
    if (offset + table_bytes > bar_bytes)
        return -EINVAL;
    msix->table = mmio_map(bar_phys + offset, table_bytes);
    if (msix->table == NULL)
        return -ENOMEM;
    control |= MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK_ALL;
    pci_write16(device, at + MSIX_CONTROL, control);
    for (uint16_t i = 0; i < msix->table_size; i++)
        mmio_write32(msix_entry(msix, i) + 12, MSIX_ENTRY_MASKED);
    pci_write16(device, at + MSIX_CONTROL, control & (uint16_t)~MSIX_CONTROL_MASK_ALL);
    return 0;
}

int pci_msix_route(struct pci_msix *msix, uint16_t entry, int vector)
{
    struct msi_message message;
    int error = interrupt_msi_message(vector, &message);
    if (error != 0)
        return error;
    volatile uint8_t *at = msix_entry(msix, entry);
    mmio_write32(at + 12, MSIX_ENTRY_MASKED);
    mmio_write32(at, (uint32_t)message.address);
    mmio_write32(at + 4, (uint32_t)(message.address >> 32));
    mmio_write32(at + 8, message.data);
    mmio_write32(at + 12, 0);
    return 0;
}
