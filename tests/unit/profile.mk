# SPDX-License-Identifier: MIT
UNIT_TESTS += profile
UNIT_SOURCES_profile := kernel/profile_dump.c
UNIT_DEPENDS_profile := kernel/profile_ring.h
