// SPDX-License-Identifier: MIT
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "virtio/core.h"
#include "virtio/drivers.h"
#include "virtio/transport_pci.h"

// A new device is one file and one row.
#pragma weak virtio_net_driver // linked only with an app that uses the network

static const struct virtio_driver *const drivers[] = {
    &virtio_net_driver,
    &virtio_rng_driver,
};

static const struct virtio_driver *find_driver(uint32_t device_type)
{
    for (size_t i = 0; i < ARRAY_COUNT(drivers); i++)
        if (drivers[i] != NULL && drivers[i]->device_type == device_type)
            return drivers[i];
    return NULL;
}

static void probe(struct pci_device *pci)
{
    uint32_t type = transport_pci_device_type(pci);
    const struct virtio_driver *driver = find_driver(type);
    char name[PCI_NAME_BYTES];
    if (driver == NULL && type == VIRTIO_TYPE_NET)
        return; // the app is without a network: it would be news to nobody
    if (driver == NULL) {
        log_info("virtio: %04x:%04x at %s: no driver for devices of type %u", pci->vendor_id,
                 pci->device_id, pci_name(pci, name), type);
        return;
    }
    pci->driver = driver->name;
    struct transport *transport = transport_pci_open(pci);
    if (transport == NULL)
        return;
    // Both stay with the machine even if the device fails: interrupts may still name them.
    struct virtio_device *device = heap_alloc_zeroed(sizeof(*device));
    if (device == NULL) {
        log_warn("virtio: %s: out of memory", transport->place);
        transport->ops->shut_off(transport);
        return;
    }
    device->transport = transport;
    // A device that does not start has said why in the log: nobody else is to be told.
    int error = virtio_device_start(device, driver);
    (void)error;
}

// Entropy that nothing waits for: the firmware or the CPU gave enough to start with.
static bool can_wait(struct pci_device *pci)
{
    return transport_pci_device_type(pci) == VIRTIO_TYPE_RNG && random_is_strong();
}

static void probe_those(bool that_can_wait)
{
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci->next)
        if (transport_pci_matches(pci) && pci->driver == NULL && can_wait(pci) == that_can_wait)
            probe(pci);
}

static void probe_thread(void *argument)
{
    (void)argument;
    probe_those(true);
}

void virtio_probe_all(void)
{
    probe_those(false);
    if (thread_create("virtio", probe_thread, NULL) == NULL)
        probe_those(true);
}
