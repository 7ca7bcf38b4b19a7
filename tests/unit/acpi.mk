# SPDX-License-Identifier: MIT
UNIT_TESTS += acpi
UNIT_SOURCES_acpi := kernel/acpi.c
