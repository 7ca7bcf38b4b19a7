# SPDX-License-Identifier: MIT
UNIT_TESTS += virtq
UNIT_SOURCES_virtq := virtio/virtq.c virtio/virtq_split.c virtio/virtq_packed.c tests/unit/fake_virtio.c
UNIT_DEPENDS_virtq := tests/unit/fake_virtio.h
