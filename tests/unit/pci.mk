# SPDX-License-Identifier: MIT
UNIT_TESTS += pci
UNIT_SOURCES_pci := kernel/pci.c virtio/transport_pci.c
UNIT_CFLAGS_pci := -iquote tests/unit/shadow
UNIT_DEPENDS_pci := tests/unit/shadow/kernel/cpu.h
