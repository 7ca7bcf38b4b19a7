# SPDX-License-Identifier: MIT
UNIT_TESTS += virtq virtq_hostile
UNIT_SOURCES_virtq := virtio/virtq.c virtio/virtq_split.c virtio/virtq_packed.c tests/unit/fake_virtio.c
UNIT_SOURCES_virtq_hostile := $(UNIT_SOURCES_virtq)
UNIT_DEPENDS_virtq := tests/unit/fake_virtio.h tests/unit/virtq_fixture.h
UNIT_DEPENDS_virtq_hostile := $(UNIT_DEPENDS_virtq)
