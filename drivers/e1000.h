// SPDX-License-Identifier: MIT
// Network cards of Intel's e1000 family: 82540EM (in QEMU: e1000) and 82574L (e1000e).
#pragma once

#include "kernel/pci.h"

// Starts the card, if it is one of these, and registers it; the log says what came of it.
// Context: a thread of core 0, once for each card. Blocks: up to 0.3 s. Returns: whether it is one.
bool e1000_probe(struct pci_device *pci);
