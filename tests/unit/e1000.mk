# SPDX-License-Identifier: MIT
UNIT_TESTS += e1000_ring e1000 e1000_watch e1000_pairs e1000_hostile
UNIT_SOURCES_e1000_ring := drivers/e1000_ring.c
define e1000_unit_test
UNIT_SOURCES_$(1) := $(wildcard drivers/e1000*.c) kernel/device.c tests/unit/fake_e1000.c tests/unit/fake_driver.c
UNIT_CFLAGS_$(1) := -iquote tests/unit/shadow_mmio
UNIT_DEPENDS_$(1) := $(addprefix tests/unit/,e1000_fixture.h fake_e1000.h fake_driver.h shadow_mmio/kernel/mmio.h)
endef
$(foreach name,e1000 e1000_watch e1000_pairs e1000_hostile,$(eval $(call e1000_unit_test,$(name))))
