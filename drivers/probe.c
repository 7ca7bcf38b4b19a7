// SPDX-License-Identifier: MIT
#include "drivers/probe.h"

#include "drivers/e1000.h"

// A new device is one file and one row.
#pragma weak e1000_probe // linked only with an app that uses the network

static bool (*const drivers[])(struct pci_device *pci) = {
    e1000_probe,
};

void drivers_probe_all(void)
{
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci->next)
        for (size_t i = 0; i < ARRAY_COUNT(drivers) && pci->driver == NULL; i++)
            if (drivers[i] != NULL && drivers[i](pci))
                break;
}
