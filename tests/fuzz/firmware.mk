# What firmware hands over.
FUZZ_TESTS += firmware
FUZZ_SOURCES_firmware := kernel/acpi.c kernel/memory_map.c kernel/options.c kernel/pci.c virtio/transport_pci.c \
    tests/fuzz/firmware_pci.c
FUZZ_CFLAGS_firmware := -iquote tests/unit/shadow
FUZZ_DEPENDS_firmware := $(addprefix tests/fuzz/,bytes.h require.h firmware_pci.h) \
    tests/unit/acpi_fixture.h tests/unit/shadow/kernel/cpu.h
