# SPDX-License-Identifier: MIT
UNIT_TESTS += virtio_net virtio_net_steering virtio_rng
VIRTIO_UNIT_SOURCES := virtio/core.c virtio/virtq.c virtio/virtq_split.c virtio/virtq_packed.c tests/unit/fake_virtio.c tests/unit/fake_driver.c kernel/device.c
VIRTIO_UNIT_DEPENDS := $(addprefix tests/unit/,fake_virtio.h fake_driver.h virtio_fixture.h)
UNIT_SOURCES_virtio_net := virtio/net.c virtio/net_queue.c $(VIRTIO_UNIT_SOURCES)
UNIT_DEPENDS_virtio_net := $(VIRTIO_UNIT_DEPENDS)
UNIT_SOURCES_virtio_net_steering := $(UNIT_SOURCES_virtio_net)
UNIT_DEPENDS_virtio_net_steering := $(VIRTIO_UNIT_DEPENDS)
UNIT_SOURCES_virtio_rng := virtio/rng.c $(VIRTIO_UNIT_SOURCES)
UNIT_DEPENDS_virtio_rng := $(VIRTIO_UNIT_DEPENDS)
