// SPDX-License-Identifier: MIT
// virtio over PCI: modern devices, and the modern half of transitional ones, with MSI-X.
// Spec: VIRTIO 1.2, 4.1.
#pragma once

#include "kernel/pci.h"
#include "virtio/transport.h"

// Whether the function says it is a virtio device, modern or not.
bool transport_pci_matches(const struct pci_device *pci);
// The type of a device that matches, usable or not.
uint32_t transport_pci_device_type(const struct pci_device *pci);
// Takes the device: enables it, maps its registers. What is wrong is logged.
// Owns: what it returns is the caller's, for good. Returns: NULL when the device cannot be used.
struct transport *transport_pci_open(struct pci_device *pci) MUST_CHECK;
