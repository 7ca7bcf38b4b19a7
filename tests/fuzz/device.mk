# Network cards that break the contract, and their drivers.
FUZZ_TESTS += device
FUZZ_SOURCES_device := $(wildcard virtio/net*.c) $(wildcard drivers/e1000*.c) \
    virtio/core.c virtio/virtq.c virtio/virtq_split.c virtio/virtq_packed.c \
    tests/fuzz/device_e1000.c $(addprefix tests/unit/fake_,driver.c virtio.c e1000.c)
FUZZ_CFLAGS_device := -iquote tests/unit/shadow -iquote tests/unit/shadow_mmio
FUZZ_DEPENDS_device := $(addprefix tests/fuzz/,bytes.h device_cards.h require.h) \
    $(addprefix tests/unit/,fake_driver.h fake_virtio.h fake_e1000.h virtio_fixture.h e1000_fixture.h)
