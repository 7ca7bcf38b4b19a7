// SPDX-License-Identifier: MIT
#include "virtio/transport_pci.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/interrupts.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "virtio/virtio.h"

#define CAPABILITY_VENDOR      0x09
#define CONFIG_SUBSYSTEM_ID    0x2e
#define RESET_TIMEOUT_NS       (1000 * NS_PER_MS) // a device that works answers within microseconds
#define RESET_POLL_NS          (100 * NS_PER_US)
#define DEVICE_CONFIG_MAX      4096 // bytes mapped, far above any device's
#define CONFIG_TRIES           100
#define MSIX_ENTRY_CONFIG      0
#define MSIX_ENTRY_FIRST_QUEUE 1

struct region {    // a structure that a capability points to, inside of a memory BAR
    uint64_t phys; // 0: not found
    uint64_t size_bytes;
    uint8_t capability;
};

struct transport_pci {
    struct transport transport;
    struct pci_device *pci;
    struct pci_msix msix;
    volatile struct virtio_pci_common *common;
    volatile uint8_t *config;
    uint32_t config_bytes;
    struct region notify;
    uint32_t notify_multiplier;
    uint64_t vectors[256 / 64]; // of this core that are the device's, a bit each
};

static struct transport_pci *from(struct transport *transport)
{
    return CONTAINER_OF(transport, struct transport_pci, transport);
}

// ---- operations ---------------------------------------------------------------------------------

static uint8_t status_read(struct transport *transport)
{
    return mmio_read8(&from(transport)->common->device_status);
}

static void status_write(struct transport *transport, uint8_t status)
{
    mmio_write8(&from(transport)->common->device_status, status);
}

static int reset(struct transport *transport)
{
    status_write(transport, 0);
    uint64_t deadline_ns = time_now_ns() + RESET_TIMEOUT_NS;
    while (status_read(transport) != 0) {
        if (time_now_ns() > deadline_ns)
            return -ETIMEDOUT;
        thread_sleep_until(time_now_ns() + RESET_POLL_NS);
    }
    return 0;
}

static uint64_t features_read(struct transport *transport)
{
    volatile struct virtio_pci_common *common = from(transport)->common;
    mmio_write32(&common->device_feature_select, 0);
    uint64_t features = mmio_read32(&common->device_feature);
    mmio_write32(&common->device_feature_select, 1);
    return features | (uint64_t)mmio_read32(&common->device_feature) << 32;
}

static void features_write(struct transport *transport, uint64_t features)
{
    volatile struct virtio_pci_common *common = from(transport)->common;
    mmio_write32(&common->driver_feature_select, 0);
    mmio_write32(&common->driver_feature, (uint32_t)features);
    mmio_write32(&common->driver_feature_select, 1);
    mmio_write32(&common->driver_feature, (uint32_t)(features >> 32));
}

// 4.1.3.1: fields of 1, 2 and 4 bytes are read in one access; others are read as bytes.
static void read_field(const volatile uint8_t *at, void *field, size_t size_bytes)
{
    if (size_bytes == 2) {
        uint16_t value = mmio_read16(at);
        memcpy(field, &value, sizeof(value));
    } else if (size_bytes == 4) {
        uint32_t value = mmio_read32(at);
        memcpy(field, &value, sizeof(value));
    } else {
        for (size_t i = 0; i < size_bytes; i++)
            ((uint8_t *)field)[i] = mmio_read8(at + i);
    }
}

static int config_read(struct transport *transport, uint32_t offset, void *field, size_t size_bytes)
{
    struct transport_pci *self = from(transport);
    if (offset > self->config_bytes || size_bytes > self->config_bytes - offset)
        return -EINVAL;
    for (unsigned i = 0; i < CONFIG_TRIES; i++) { // 2.5.3
        uint8_t generation = mmio_read8(&self->common->config_generation);
        read_field(self->config + offset, field, size_bytes);
        if (mmio_read8(&self->common->config_generation) == generation)
            return 0;
    }
    return -EAGAIN;
}

// Routes a table entry to a new vector of this core.
static int route(struct transport_pci *self, uint16_t entry, void (*interrupt)(void *context),
                 void *context)
{
    if (entry >= self->msix.table_size) {
        log_warn("virtio: %s: no interrupt: MSI-X offers %u vectors", self->transport.place,
                 self->msix.table_size);
        return -ENOSPC;
    }
    int vector = interrupt_allocate(interrupt, context);
    if (vector < 0)
        return vector;
    int error = pci_msix_route(&self->msix, entry, vector);
    if (error != 0) {
        interrupt_free(vector);
        log_warn("virtio: %s: no interrupt: the APIC id of core %u is above 254",
                 self->transport.place, core_index());
        return error;
    }
    self->vectors[vector / 64] |= 1ull << vector % 64;
    return 0;
}

static int config_interrupt(struct transport *transport, void (*interrupt)(void *context),
                            void *context)
{
    struct transport_pci *self = from(transport);
    int error = route(self, MSIX_ENTRY_CONFIG, interrupt, context);
    if (error != 0)
        return error;
    mmio_write16(&self->common->config_msix_vector, MSIX_ENTRY_CONFIG);
    // 4.1.5.1.2.1: the device says no by reading back as no vector.
    return mmio_read16(&self->common->config_msix_vector) == MSIX_ENTRY_CONFIG ? 0 : -ENOSPC;
}

static uint16_t queue_size_max(struct transport *transport, uint16_t index)
{
    volatile struct virtio_pci_common *common = from(transport)->common;
    if (index >= mmio_read16(&common->queue_count))
        return 0;
    mmio_write16(&common->queue_select, index);
    return mmio_read16(&common->queue_size);
}

static void write_address(volatile uint32_t *low, volatile uint32_t *high, uint64_t address_phys)
{
    mmio_write32(low, (uint32_t)address_phys); // 4.1.3.1: as two halves
    mmio_write32(high, (uint32_t)(address_phys >> 32));
}

static int queue_start(struct transport *transport, struct transport_queue *queue)
{
    struct transport_pci *self = from(transport);
    volatile struct virtio_pci_common *common = self->common;
    mmio_write16(&common->queue_select, queue->index);
    mmio_write16(&common->queue_size, queue->size);
    uint64_t doorbell =
        (uint64_t)mmio_read16(&common->queue_notify_offset) * self->notify_multiplier;
    if (doorbell + sizeof(uint16_t) > self->notify.size_bytes)
        return -EINVAL;
    queue->doorbell = mmio_map(self->notify.phys + doorbell, sizeof(uint16_t));
    if (queue->doorbell == NULL)
        return -ENOMEM;

    uint16_t entry = VIRTIO_PCI_NO_VECTOR;
    if (queue->interrupt != NULL) {
        entry = (uint16_t)(MSIX_ENTRY_FIRST_QUEUE + queue->index);
        int error = route(self, entry, queue->interrupt, queue->context);
        if (error != 0)
            return error;
    }
    mmio_write16(&common->queue_msix_vector, entry);
    if (mmio_read16(&common->queue_msix_vector) != entry)
        return -ENOSPC;
    write_address(&common->queue_descriptors_low, &common->queue_descriptors_high,
                  queue->descriptors_phys);
    write_address(&common->queue_driver_low, &common->queue_driver_high, queue->driver_phys);
    write_address(&common->queue_device_low, &common->queue_device_high, queue->device_phys);
    mmio_write16(&common->queue_enable, 1);
    return 0;
}

static void notify(struct transport *transport, const struct transport_queue *queue)
{
    (void)transport;
    mmio_write16(queue->doorbell, queue->index);
}

static void shut_off(struct transport *transport)
{
    struct transport_pci *self = from(transport);
    status_write(transport, 0);
    pci_disable(self->pci);       // it may have ignored the reset
    (void)status_read(transport); // what was on its way to memory has arrived before this answer
    for (int vector = 0; vector < 256; vector++)
        if (self->vectors[vector / 64] >> vector % 64 & 1)
            interrupt_free(vector);
    memset(self->vectors, 0, sizeof(self->vectors));
}

static const struct transport_ops operations = {
    .status_read = status_read,
    .status_write = status_write,
    .reset = reset,
    .features_read = features_read,
    .features_write = features_write,
    .config_read = config_read,
    .config_interrupt = config_interrupt,
    .queue_size_max = queue_size_max,
    .queue_start = queue_start,
    .notify = notify,
    .shut_off = shut_off,
};

// ---- finding ------------------------------------------------------------------------------------

bool transport_pci_matches(const struct pci_device *pci)
{
    return pci->vendor_id == VIRTIO_PCI_VENDOR &&
           pci->device_id >= VIRTIO_PCI_DEVICE_TRANSITIONAL &&
           pci->device_id <= VIRTIO_PCI_DEVICE_LAST;
}

uint32_t transport_pci_device_type(const struct pci_device *pci)
{
    if (pci->device_id >= VIRTIO_PCI_DEVICE_MODERN)
        return pci->device_id - VIRTIO_PCI_DEVICE_MODERN;
    return pci_read16(pci, CONFIG_SUBSYSTEM_ID);
}

// The first capability of `type` that points to at least `least_bytes` inside of a memory BAR;
// 4.1.4.1: others are to be passed over. Returns: true if there is one.
static bool find_region(struct transport_pci *self, uint8_t type, uint32_t least_bytes,
                        uint8_t least_capability_bytes, struct region *region)
{
    struct pci_device *pci = self->pci;
    uint8_t at = 0;
    while ((at = pci_find_capability(pci, CAPABILITY_VENDOR, at)) != 0) {
        uint8_t capability_bytes = pci_read8(pci, at + VIRTIO_PCI_CAP_LENGTH);
        if (pci_read8(pci, at + VIRTIO_PCI_CAP_TYPE) != type)
            continue;
        uint8_t bar = pci_read8(pci, at + VIRTIO_PCI_CAP_BAR);
        uint32_t offset = pci_read32(pci, at + VIRTIO_PCI_CAP_OFFSET);
        uint32_t size_bytes = pci_read32(pci, at + VIRTIO_PCI_CAP_SIZE);
        uint64_t bar_phys, bar_bytes;
        if (capability_bytes < least_capability_bytes || at + capability_bytes > 256 ||
            size_bytes < least_bytes || pci_bar(pci, bar, &bar_phys, &bar_bytes) != 0 ||
            (uint64_t)offset + size_bytes > bar_bytes) {
            log_warn("virtio: %s: capability at 0x%02x, type %u: bar %u offset 0x%x size 0x%x "
                     "is not usable",
                     self->transport.place, at, type, bar, offset, size_bytes);
            continue;
        }
        region->phys = bar_phys + offset;
        region->size_bytes = size_bytes;
        region->capability = at;
        return true;
    }
    return false;
}

static bool has_modern_half(const struct pci_device *pci)
{
    uint8_t at = 0;
    while ((at = pci_find_capability(pci, CAPABILITY_VENDOR, at)) != 0)
        if (pci_read8(pci, at + VIRTIO_PCI_CAP_TYPE) == VIRTIO_PCI_CAPABILITY_COMMON)
            return true;
    return false;
}

// Finds and maps what the device shows. Returns: NULL, or why it cannot be used.
static const char *map_registers(struct transport_pci *self)
{
    struct region common, isr, config = {0};
    if (!find_region(self, VIRTIO_PCI_CAPABILITY_COMMON, sizeof(struct virtio_pci_common),
                     VIRTIO_PCI_CAP_BYTES, &common))
        return "no common configuration";
    if (!find_region(self, VIRTIO_PCI_CAPABILITY_NOTIFY, sizeof(uint16_t),
                     VIRTIO_PCI_CAP_MULTIPLIER + 4, &self->notify))
        return "no notification structure";
    if (!find_region(self, VIRTIO_PCI_CAPABILITY_ISR, 1, VIRTIO_PCI_CAP_BYTES, &isr))
        return "no ISR status"; // not read with MSI-X, but 4.1.4.5 wants it there
    self->notify_multiplier =
        pci_read32(self->pci, self->notify.capability + VIRTIO_PCI_CAP_MULTIPLIER);
    self->common = mmio_map(common.phys, sizeof(struct virtio_pci_common));
    if (self->common == NULL)
        return "out of memory";
    if (find_region(self, VIRTIO_PCI_CAPABILITY_DEVICE, 1, VIRTIO_PCI_CAP_BYTES, &config)) {
        self->config_bytes =
            config.size_bytes < DEVICE_CONFIG_MAX ? (uint32_t)config.size_bytes : DEVICE_CONFIG_MAX;
        self->config = mmio_map(config.phys, self->config_bytes);
        if (self->config == NULL)
            return "out of memory";
    }
    // A driver that only polls does without; one that asks for an interrupt will hear of it.
    if (pci_msix_enable(self->pci, &self->msix) != 0)
        self->msix.table_size = 0;
    return NULL;
}

struct transport *transport_pci_open(struct pci_device *pci)
{
    struct transport_pci *self = heap_alloc_zeroed(sizeof(*self));
    char name[PCI_NAME_BYTES];
    if (self == NULL) {
        log_warn("virtio: %s: out of memory", pci_name(pci, name));
        return NULL;
    }
    self->pci = pci;
    self->transport.ops = &operations;
    self->transport.device_type = transport_pci_device_type(pci);
    strcpy(self->transport.place, pci_name(pci, name));
    self->transport.pci_address = pci_address(pci);
    const char *why;
    if (!has_modern_half(pci)) {
        why = "legacy only; start it as a modern device (QEMU: disable-legacy=on,"
              "disable-modern=off)";
    } else {
        pci_enable(pci);
        why = map_registers(self);
        if (why != NULL)
            pci_disable(pci);
    }
    if (why == NULL)
        return &self->transport;
    log_warn("virtio: %04x:%04x at %s is not usable: %s", pci->vendor_id, pci->device_id,
             self->transport.place, why);
    heap_free(self);
    return NULL;
}
