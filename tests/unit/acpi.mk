# SPDX-License-Identifier: MIT
UNIT_TESTS += acpi acpi_tables
UNIT_SOURCES_acpi := kernel/acpi.c
UNIT_SOURCES_acpi_tables := kernel/acpi.c
UNIT_DEPENDS_acpi := tests/unit/acpi_fixture.h
UNIT_DEPENDS_acpi_tables := tests/unit/acpi_fixture.h
