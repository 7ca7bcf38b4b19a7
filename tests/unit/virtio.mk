# SPDX-License-Identifier: MIT
VIRTIO_NET_UNIT_TESTS := virtio_net virtio_net_interrupts virtio_net_hostile virtio_net_steering
UNIT_TESTS += virtio_net virtio_net_interrupts virtio_net_hostile virtio_net_steering virtio_rng
VIRTIO_UNIT_SOURCES := virtio/core.c virtio/virtq.c virtio/virtq_split.c virtio/virtq_packed.c tests/unit/fake_virtio.c tests/unit/fake_driver.c kernel/device.c
VIRTIO_UNIT_DEPENDS := $(addprefix tests/unit/,fake_virtio.h fake_driver.h virtio_fixture.h virtio_net_fixture.h)
define virtio_net_unit_test
UNIT_SOURCES_$(1) := $(wildcard virtio/net*.c) $(VIRTIO_UNIT_SOURCES)
UNIT_DEPENDS_$(1) := $(VIRTIO_UNIT_DEPENDS)
UNIT_CFLAGS_$(1)  := -iquote tests/unit/shadow
endef
$(foreach name,$(VIRTIO_NET_UNIT_TESTS),$(eval $(call virtio_net_unit_test,$(name))))
UNIT_SOURCES_virtio_rng := virtio/rng.c $(VIRTIO_UNIT_SOURCES)
UNIT_DEPENDS_virtio_rng := $(VIRTIO_UNIT_DEPENDS)
UNIT_CFLAGS_virtio_rng  := -iquote tests/unit/shadow
