# SPDX-License-Identifier: MIT
UNIT_TESTS += virtq virtio_net
UNIT_SOURCES_virtq := virtio/virtq.c tests/unit/fake_virtio.c
UNIT_DEPENDS_virtq := tests/unit/fake_virtio.h
UNIT_SOURCES_virtio_net := virtio/net.c virtio/net_queue.c virtio/rng.c virtio/core.c virtio/virtq.c kernel/device.c \
    tests/unit/fake_virtio.c
UNIT_DEPENDS_virtio_net := tests/unit/fake_virtio.h
