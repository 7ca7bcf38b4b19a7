# SPDX-License-Identifier: MIT
UNIT_TESTS += e1000_ring e1000
UNIT_SOURCES_e1000_ring := drivers/e1000_ring.c
UNIT_SOURCES_e1000 := drivers/e1000.c drivers/e1000_card.c drivers/e1000_queue.c \
    drivers/e1000_ring.c drivers/e1000_watch.c kernel/device.c \
    tests/unit/fake_e1000.c tests/unit/fake_driver.c
UNIT_CFLAGS_e1000 := -iquote tests/unit/shadow_mmio
UNIT_DEPENDS_e1000 := tests/unit/fake_e1000.h tests/unit/fake_driver.h tests/unit/shadow_mmio/kernel/mmio.h
