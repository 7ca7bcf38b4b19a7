// SPDX-License-Identifier: MIT
// PCI and the virtio transport over it, against configuration spaces behind the two ports.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/acpi.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/mmio.h"
#include "kernel/pci.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "virtio/transport_pci.h"
#include "virtio/virtio.h"

// ---- the fake bus -------------------------------------------------------------------------------

struct function {
    unsigned bus, slot, function;
    uint8_t config[256];
};

static struct function functions[16];
static size_t function_count;
static uint32_t selected;

static struct function *find(void)
{
    assert_true(selected & 0x80000000u);
    for (size_t i = 0; i < function_count; i++)
        if (functions[i].bus == (selected >> 16 & 0xff) &&
            functions[i].slot == (selected >> 11 & 31) &&
            functions[i].function == (selected >> 8 & 7))
            return &functions[i];
    return NULL;
}

static uint32_t get(const struct function *f, unsigned offset, unsigned size)
{
    uint32_t value = 0;
    memcpy(&value, f->config + offset, size);
    return value;
}

static void put(struct function *f, unsigned offset, uint32_t value, unsigned size)
{
    memcpy(f->config + offset, &value, size);
}

static uint32_t port_read(uint16_t port, unsigned size)
{
    assert_true(port >= 0xCFC && port + size <= 0xD00);
    struct function *f = find();
    if (f == NULL)
        return UINT32_MAX >> (32 - 8 * size);
    return get(f, (selected & 0xfc) + (port & 3u), size);
}

static void port_write(uint16_t port, uint32_t value, unsigned size)
{
    if (port == 0xCF8) {
        assert_int_equal(size, 4);
        selected = value;
        return;
    }
    struct function *f = find();
    assert_non_null(f);
    unsigned offset = (selected & 0xfc) + (port & 3u);
    assert_false(offset >= 0x10 && offset < 0x28); // nobody moves a BAR
    put(f, offset, value, size);
}

void cpu_out8(uint16_t port, uint8_t value)
{
    port_write(port, value, 1);
}
void cpu_out16(uint16_t port, uint16_t value)
{
    port_write(port, value, 2);
}
void cpu_out32(uint16_t port, uint32_t value)
{
    port_write(port, value, 4);
}
uint8_t cpu_in8(uint16_t port)
{
    return (uint8_t)port_read(port, 1);
}
uint16_t cpu_in16(uint16_t port)
{
    return (uint16_t)port_read(port, 2);
}
uint32_t cpu_in32(uint16_t port)
{
    return port_read(port, 4);
}

// Device memory: one region, at any address asked for.
static uint8_t registers[8192];
static uint64_t registers_phys;
static uint64_t mapped_phys[16], mapped_bytes[16];
static size_t mapped_count;

void *mmio_map(uint64_t phys, size_t size_bytes)
{
    assert_true(phys >= registers_phys);
    assert_true(phys + size_bytes <= registers_phys + sizeof(registers));
    mapped_phys[mapped_count] = phys;
    mapped_bytes[mapped_count++ % 15] = size_bytes;
    return registers + (phys - registers_phys);
}

PERCORE unsigned core_this_index;
static int msi_error;         // of a core that no device reaches
static int vectors_given_out; // less those given back

int interrupt_allocate(void (*handler)(void *context), void *context)
{
    (void)handler;
    (void)context;
    vectors_given_out++;
    return 77;
}
void interrupt_free(int vector)
{
    assert_int_equal(vector, 77);
    vectors_given_out--;
}
int interrupt_msi_message(int vector, struct msi_message *message)
{
    *message = (struct msi_message){0xfee00000, (uint32_t)vector};
    return msi_error;
}
uint64_t time_now_ns(void)
{
    static uint64_t now_ns;
    return now_ns += 1000;
}
void thread_sleep_until(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

static struct function *add_function(unsigned bus, unsigned slot, unsigned function, uint32_t id,
                                     uint32_t class_code)
{
    struct function *f = &functions[function_count++];
    memset(f, 0, sizeof(*f));
    f->bus = bus;
    f->slot = slot;
    f->function = function;
    put(f, 0, id, 4);
    put(f, 8, class_code << 16, 4);
    return f;
}

// ---- scan ---------------------------------------------------------------------------------------

static void test_scan(void **state)
{
    (void)state;
    add_function(0, 0, 0, 0x29c08086, 0x0600);
    struct function *bridge = add_function(0, 2, 0, 0x000c1b36, 0x0604);
    bridge->config[0x0e] = 1;
    put(bridge, 0x18, 0x00020100, 4); // buses 1 to 2
    struct function *loop = add_function(1, 0, 0, 0x000c1b36, 0x0604);
    loop->config[0x0e] = 1;
    put(loop, 0x18, 0x00000001, 4); // leads back to bus 0
    struct function *multi = add_function(1, 5, 0, 0x10001af4, 0x0200);
    multi->config[0x0e] = 0x80;
    add_function(1, 5, 3, 0x12345678, 0x0100);
    add_function(0, 9, 0, 0x10d38086, 0x0200);
    add_function(0, 9, 1, 0xbad0bad0, 0x0200); // its function 0 is not multifunction
    struct acpi_facts *acpi = calloc(1, sizeof(*acpi));
    pci_scan(acpi);
    free(acpi);
    static const char *const names[] = {"00:00.0", "00:02.0", "00:09.0",
                                        "01:00.0", "01:05.0", "01:05.3"};
    size_t i = 0;
    for (struct pci_device *device = pci_first(); device != NULL; device = device->next) {
        char name[PCI_NAME_BYTES];
        assert_true(i < ARRAY_COUNT(names));
        assert_string_equal(pci_name(device, name), names[i++]);
    }
    assert_int_equal(i, ARRAY_COUNT(names));
    struct pci_device far = {.segment = 0xabcd, .bus = 0xff, .slot = 31, .function = 7};
    char name[PCI_NAME_BYTES];
    assert_string_equal(pci_name(&far, name), "abcd:ff:1f.7");
}

// ---- BARs, capabilities -------------------------------------------------------------------------

static struct pci_device device;
static struct function *one;

static void open_device(uint32_t id)
{
    function_count = 0;
    mapped_count = 0;
    memset(registers, 0, sizeof(registers));
    host_log_clear();
    one = add_function(0, 3, 0, id, 0x0200);
    device = (struct pci_device){
        .slot = 3, .vendor_id = (uint16_t)id, .device_id = (uint16_t)(id >> 16), .class_code = 2};
    put(one, 4, 7, 2);
    put(one, 6, 0x10, 2);
}

static void scan(void)
{
    static struct acpi_facts no_facts;
    for (struct pci_device *old = pci_first(), *next; old != NULL; old = next) {
        next = old->next;
        free(old);
    }
    pci_scan(&no_facts);
    device = *pci_first();
}

static void test_bars(void **state)
{
    (void)state;
    open_device(0x10411af4);
    put(one, 0x10, 0xc001, 4);     // I/O
    put(one, 0x14, 0xfebf0000, 4); // aligned to 64 KiB, below 4 GiB
    put(one, 0x18, 0x0000000c, 4); // at 64 GiB, prefetchable
    put(one, 0x1c, 0x00000010, 4);
    put(one, 0x20, 0, 4); // was given no address
    scan();
    uint64_t phys, size_max;
    assert_int_equal(pci_bar(&device, 0, &phys, &size_max), -ENODEV);
    assert_int_equal(pci_bar(&device, 1, &phys, &size_max), 0);
    assert_true(phys == 0xfebf0000 && size_max == 0x10000);
    assert_int_equal(pci_bar(&device, 2, &phys, &size_max), 0);
    assert_true(phys == 0x1000000000 && size_max == 0x1000000000);
    for (int index = 3; index < 9; index++) // the upper half, none, absent, out of range
        assert_int_equal(pci_bar(&device, index, &phys, &size_max), -ENODEV);
    assert_int_equal(pci_bar(&device, -1, &phys, &size_max), -ENODEV);

    struct function *neighbour = add_function(0, 4, 0, 0x10d38086, 0x0200);
    put(neighbour, 0x10, 0xfebf4000, 4);
    put(neighbour, 0x24, 0x1000c, 4); // a 64-bit one would need a seventh
    struct function *bridge = add_function(0, 5, 0, 0x000c1b36, 0x0604);
    bridge->config[0x0e] = 1;
    put(bridge, 0x14, 0xfebf2000, 4);
    put(bridge, 0x18, 0xfebf1000, 4); // a bridge has two
    scan();
    assert_int_equal(pci_bar(&device, 1, &phys, &size_max), 0);
    assert_int_equal(size_max, 0x10000); // neither of them is decoded
    put(neighbour, 4, 2, 2);
    scan();
    assert_int_equal(pci_bar(&device, 1, &phys, &size_max), 0);
    assert_int_equal(size_max, 0x4000);
    put(bridge, 4, 2, 2);
    scan();
    assert_int_equal(pci_bar(&device, 1, &phys, &size_max), 0);
    assert_int_equal(size_max, 0x2000);
    assert_int_equal(pci_bar(pci_first()->next, 5, &phys, &size_max), 0);
    assert_int_equal(phys, 0x10000);

    pci_disable(&device);
    assert_int_equal(get(one, 4, 2), 3);
    pci_enable(&device);
    assert_int_equal(get(one, 4, 2), 0x407);
}

static void add_capability(uint8_t at, uint8_t id, uint8_t next)
{
    one->config[at] = id;
    one->config[at + 1] = next;
}

static void test_capabilities(void **state)
{
    (void)state;
    open_device(0x10411af4);
    one->config[0x34] = 0x80;
    add_capability(0x80, 9, 0x40);
    add_capability(0x40, 5, 0x60);
    add_capability(0x60, 9, 0x80); // and around
    assert_int_equal(pci_find_capability(&device, 9, 0), 0x80);
    assert_int_equal(pci_find_capability(&device, 9, 0x80), 0x60);
    assert_int_equal(pci_find_capability(&device, 9, 0x60), 0);
    assert_int_equal(pci_find_capability(&device, 5, 0), 0x40);
    assert_int_equal(pci_find_capability(&device, 17, 0), 0);
    add_capability(0x60, 9, 0x60); // onto itself
    assert_int_equal(pci_find_capability(&device, 9, 0x60), 0);
    add_capability(0x60, 9, 0x08); // into the header
    assert_int_equal(pci_find_capability(&device, 9, 0x60), 0);
    put(one, 6, 0, 2); // has no list
    assert_int_equal(pci_find_capability(&device, 9, 0), 0);
}

// ---- virtio -------------------------------------------------------------------------------------

static void add_virtio_capability(uint8_t at, uint8_t next, uint8_t type, uint8_t bar,
                                  uint32_t offset, uint32_t size_bytes)
{
    add_capability(at, 9, next);
    one->config[at + VIRTIO_PCI_CAP_LENGTH] = type == VIRTIO_PCI_CAPABILITY_NOTIFY ? 20 : 16;
    one->config[at + VIRTIO_PCI_CAP_TYPE] = type;
    one->config[at + VIRTIO_PCI_CAP_BAR] = bar;
    put(one, at + VIRTIO_PCI_CAP_OFFSET, offset, 4);
    put(one, at + VIRTIO_PCI_CAP_SIZE, size_bytes, 4);
}

// A modern network device with 8 KiB at 1 TiB: common, ISR, device, notify and an MSI-X table.
static void open_virtio(void)
{
    open_device(0x10411af4);
    registers_phys = 1ull << 40;
    put(one, 0x20, 0xc, 4);
    put(one, 0x24, 0x100, 4);
    put(one, 0x18, 0x200c, 4); // what ends the room of the other
    put(one, 0x1c, 0x100, 4);
    one->config[0x34] = 0x40;
    add_virtio_capability(0x40, 0x50, VIRTIO_PCI_CAPABILITY_COMMON, 4, 0, 0x1000);
    add_virtio_capability(0x50, 0x60, VIRTIO_PCI_CAPABILITY_ISR, 4, 0x1000, 4);
    add_virtio_capability(0x60, 0x70, VIRTIO_PCI_CAPABILITY_DEVICE, 4, 0x1100, 12);
    add_virtio_capability(0x70, 0x88, VIRTIO_PCI_CAPABILITY_NOTIFY, 4, 0x1200, 0x100);
    put(one, 0x70 + VIRTIO_PCI_CAP_MULTIPLIER, 4, 4);
    add_capability(0x88, 0x11, 0);
    put(one, 0x8a, 2, 2); // three entries
    put(one, 0x8c, 0x1f00 | 4, 4);
    scan();
}

static void test_virtio_device(void **state)
{
    (void)state;
    open_virtio();
    assert_true(transport_pci_matches(&device));
    assert_int_equal(transport_pci_device_type(&device), VIRTIO_TYPE_NET);
    struct transport *transport = transport_pci_open(&device);
    assert_non_null(transport);
    assert_string_equal(host_log, "");
    assert_string_equal(transport->place, "00:03.0");
    assert_int_equal(get(one, 0x8a, 2), 0x8002); // MSI-X on, not masked
    struct virtio_pci_common *common = (void *)registers;
    common->queue_count = 2;
    common->queue_size = 256;
    assert_int_equal(transport->ops->queue_size_max(transport, 1), 256);
    assert_int_equal(transport->ops->queue_size_max(transport, 2), 0);

    common->queue_notify_offset = 63;
    struct transport_queue queue = {.index = 1,
                                    .size = 64,
                                    .descriptors_phys = 0x123456789000,
                                    .driver_phys = 0x123456789400,
                                    .device_phys = 0x123456789800,
                                    .interrupt = (void (*)(void *))abort};
    assert_int_equal(transport->ops->queue_start(transport, &queue), 0);
    assert_int_equal(common->queue_select, 1);
    assert_int_equal(common->queue_size, 64);
    assert_int_equal(common->queue_descriptors_low, 0x56789000);
    assert_int_equal(common->queue_descriptors_high, 0x1234);
    assert_int_equal(common->queue_device_low, 0x56789800);
    assert_int_equal(common->queue_msix_vector, 2);
    assert_int_equal(common->queue_enable, 1);
    static const uint8_t entry[16] = {0, 0, 0xe0, 0xfe, 0, 0, 0, 0, 77};
    assert_memory_equal(registers + 0x1f20, entry, 16);
    assert_int_equal(registers[0x1f0c], 1); // the others stay masked
    transport->ops->notify(transport, &queue);
    assert_int_equal(registers[0x1200 + 63 * 4], 1);

    common->queue_notify_offset = 64; // its doorbell would lie outside
    assert_int_equal(transport->ops->queue_start(transport, &queue), -EINVAL);
    common->queue_notify_offset = 0;
    queue.index = 2; // one entry more than the table has
    assert_int_equal(transport->ops->queue_start(transport, &queue), -ENOSPC);

    uint8_t field[4];
    assert_int_equal(transport->ops->config_read(transport, 8, field, 4), 0);
    assert_int_equal(transport->ops->config_read(transport, 9, field, 4), -EINVAL);
    assert_int_equal(transport->ops->config_read(transport, UINT32_MAX, field, 4), -EINVAL);
    assert_int_equal(get(one, 4, 2) & 4, 4);
    transport->ops->shut_off(transport);
    assert_int_equal(get(one, 4, 2) & 4, 0);
    free(transport); // its first member
}

static void expect_refused(const char *why)
{
    assert_null(transport_pci_open(&device));
    assert_true(host_log_has("warning: virtio: "));
    assert_true(host_log_has(why));
    assert_int_equal(get(one, 4, 2) & 4, device.device_id == 0x1000 ? 4 : 0);
}

static void test_virtio_bad_capabilities(void **state)
{
    (void)state;
    static const struct {
        uint8_t at, bytes;
        uint32_t value;
    } breaks[] = {
        {0x40 + VIRTIO_PCI_CAP_BAR, 1, 0},             // absent
        {0x40 + VIRTIO_PCI_CAP_BAR, 1, 5},             // the upper half of one
        {0x40 + VIRTIO_PCI_CAP_BAR, 1, 6},             // there is no such
        {0x40 + VIRTIO_PCI_CAP_OFFSET, 4, 0x1001},     // ends behind the BAR
        {0x40 + VIRTIO_PCI_CAP_OFFSET, 4, 0xfffff000}, // and around
        {0x40 + VIRTIO_PCI_CAP_SIZE, 4, 55},           // too short for its structure
        {0x40 + VIRTIO_PCI_CAP_SIZE, 4, UINT32_MAX},
        {0x40 + VIRTIO_PCI_CAP_LENGTH, 1, 15},
        {0x50 + VIRTIO_PCI_CAP_SIZE, 4, 0},
        {0x70 + VIRTIO_PCI_CAP_LENGTH, 1, 16}, // no multiplier
        {0x70 + VIRTIO_PCI_CAP_SIZE, 4, 1},
        {0x70 + VIRTIO_PCI_CAP_BAR, 1, 255},
    };
    for (size_t i = 0; i < ARRAY_COUNT(breaks); i++) {
        open_virtio();
        put(one, breaks[i].at, breaks[i].value, breaks[i].bytes);
        expect_refused("is not usable: no ");
    }
    open_virtio(); // a good one behind a bad one counts
    one->config[0x89] = 0xa0;
    add_virtio_capability(0xa0, 0, VIRTIO_PCI_CAPABILITY_COMMON, 4, 0, 0x1000);
    one->config[0x40 + VIRTIO_PCI_CAP_BAR] = 0;
    struct transport *transport = transport_pci_open(&device);
    assert_non_null(transport);
    free(transport);

    open_virtio(); // an MSI-X table outside of its BAR: usable, but without interrupts
    put(one, 0x8c, 0x1fd8 | 4, 4);
    transport = transport_pci_open(&device);
    assert_non_null(transport);
    assert_int_equal(transport->ops->config_interrupt(transport, NULL, NULL), -ENOSPC);
    assert_true(host_log_has("MSI-X offers 0 vectors"));
    free(transport);
}

static void test_virtio_core_out_of_reach(void **state)
{
    (void)state;
    open_virtio();
    struct transport *transport = transport_pci_open(&device);
    assert_non_null(transport);
    int before = vectors_given_out;
    msi_error = -ERANGE;
    assert_int_equal(transport->ops->config_interrupt(transport, NULL, NULL), -ERANGE);
    msi_error = 0;
    assert_int_equal(vectors_given_out, before);
    assert_true(host_log_has("the APIC id of core 0 is above 254"));
    free(transport);
}

static void test_virtio_legacy_only(void **state)
{
    (void)state;
    open_device(0x10001af4);
    put(one, 0x2e, VIRTIO_TYPE_NET, 2);
    assert_int_equal(transport_pci_device_type(&device), VIRTIO_TYPE_NET);
    expect_refused("1af4:1000 at 00:03.0 is not usable: legacy only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_virtio_device),
        cmocka_unit_test(test_virtio_bad_capabilities),
        cmocka_unit_test(test_virtio_core_out_of_reach),
        cmocka_unit_test(test_virtio_legacy_only),
    };
    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
