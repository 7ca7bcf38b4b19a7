# SPDX-License-Identifier: MIT
UNIT_TESTS += memory_map
UNIT_SOURCES_memory_map := kernel/memory_map.c
