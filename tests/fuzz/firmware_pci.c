// SPDX-License-Identifier: MIT
// Configuration spaces behind the two ports: bridges that lead anywhere, lists of capabilities that
// loop, regions that lie outside of their BARs. What is mapped must lie inside of one.
#include "host.h"

#include <string.h>

#include "bytes.h"
#include "firmware_pci.h"
#include "kernel/acpi.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/mmio.h"
#include "kernel/pci.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "require.h"
#include "virtio/transport_pci.h"
#include "virtio/virtio.h"

#define FUNCTIONS_MAX 6
#define BLOCKS_MAX    64

struct function {
    uint8_t bus, place; // slot and function
    uint8_t config[256];
};

static struct function functions[FUNCTIONS_MAX];
static size_t function_count;
static uint32_t selected;
static void *blocks[BLOCKS_MAX]; // of the heap and of registers, given back at the end
static size_t block_count;
static uint8_t registers_fill;

// ---- the ports ----------------------------------------------------------------------------------

static uint8_t *byte_of(uint16_t port)
{
    require(selected & 0x80000000u && port >= 0xCFC && port < 0xD00);
    for (size_t i = 0; i < function_count; i++)
        if (functions[i].bus == (selected >> 16 & 0xff) &&
            functions[i].place == (selected >> 8 & 0xff))
            return &functions[i].config[(selected & 0xfc) + (port & 3u)];
    return NULL;
}

static uint32_t port_read(uint16_t port, size_t size_bytes)
{
    uint32_t value = UINT32_MAX;
    const uint8_t *at = byte_of(port);
    require((port & 3) + size_bytes <= 4);
    if (at != NULL)
        memcpy(&value, at, size_bytes);
    return value;
}
void cpu_out32(uint16_t port, uint32_t value)
{
    require(port == 0xCF8);
    selected = value;
}
void cpu_out16(uint16_t port, uint16_t value)
{
    uint8_t *at = byte_of(port);
    unsigned offset = (selected & 0xfc) + (port & 3u);
    require(at != NULL && (port & 3) <= 2);
    require(offset < 0x10 || offset >= 0x28); // nobody moves a BAR
    memcpy(at, &value, sizeof(value));
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

// ---- the kernel ---------------------------------------------------------------------------------

static void *keep(void *block)
{
    if (block_count < BLOCKS_MAX && block != NULL)
        return blocks[block_count++] = block;
    free(block);
    return NULL;
}
void *heap_alloc(size_t size_bytes)
{
    return keep(malloc(size_bytes));
}
void *heap_alloc_zeroed(size_t size_bytes)
{
    return keep(calloc(1, size_bytes));
}
void heap_free(void *block)
{
    (void)block;
}

static bool is_inside(const struct pci_device *pci, uint64_t phys, size_t size_bytes)
{
    for (int i = 0; i < 6; i++) {
        uint64_t bar_phys, room_bytes;
        if (pci_bar(pci, i, &bar_phys, &room_bytes) == 0 && phys >= bar_phys &&
            phys - bar_phys <= room_bytes && size_bytes <= room_bytes - (phys - bar_phys))
            return true;
    }
    return false;
}
static const struct pci_device *opened;
void *mmio_map(uint64_t phys, size_t size_bytes)
{
    require(is_inside(opened, phys, size_bytes));
    void *registers = keep(malloc(size_bytes));
    if (registers != NULL)
        memset(registers, registers_fill, size_bytes);
    return registers;
}

PERCORE unsigned core_this_index;
int interrupt_allocate(void (*handler)(void *context), void *context)
{
    (void)handler;
    (void)context;
    return 77;
}
void interrupt_free(int vector)
{
    require(vector == 77);
}
int interrupt_msi_message(int vector, struct msi_message *message)
{
    *message = (struct msi_message){0xfee00000, (uint32_t)vector};
    return 0;
}
static uint64_t now_ns;
uint64_t time_now_ns(void)
{
    return now_ns += NS_PER_MS;
}
void thread_sleep_until(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

// ---- an input -----------------------------------------------------------------------------------

// An offset and a byte, until a byte of zero.
static void function_of(struct bytes *bytes)
{
    struct function *function = &functions[function_count++];
    memset(function, 0, sizeof(*function));
    function->bus = bytes_take8(bytes) % 8;
    function->place = bytes_take8(bytes);
    memcpy(function->config, "\xf4\x1a\x41\x10\2\0\x10", 7); // a network card of virtio
    memcpy(function->config + 0x10, "\4\0\0\xfe", 4);
    function->config[0x34] = 0x40;
    for (uint8_t offset; (offset = bytes_take8(bytes)) != 0;)
        function->config[offset] = bytes_take8(bytes);
}

static void use(struct transport *transport)
{
    struct transport_queue queue = {.index = 1, .size = 8};
    uint8_t field[12];
    (void)transport->ops->features_read(transport);
    for (uint32_t offset = 0; offset < 64; offset += 6)
        (void)!transport->ops->config_read(transport, offset, field, sizeof(field));
    if (transport->ops->queue_size_max(transport, queue.index) > 0 &&
        transport->ops->queue_start(transport, &queue) == 0)
        transport->ops->notify(transport, &queue);
    (void)!transport->ops->reset(transport);
    transport->ops->shut_off(transport);
}

void firmware_pci(struct bytes *bytes)
{
    static const struct acpi_facts no_windows;
    uint32_t last = 0;
    function_count = block_count = 0;
    registers_fill = bytes_take8(bytes);
    while (bytes_left(bytes) > 0 && function_count < FUNCTIONS_MAX)
        function_of(bytes);
    pci_scan(&no_windows);
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci->next) {
        require(pci == pci_first() || pci_address(pci) > last);
        last = pci_address(pci);
        opened = pci;
        struct transport *transport = transport_pci_matches(pci) ? transport_pci_open(pci) : NULL;
        if (transport != NULL)
            use(transport);
    }
    while (block_count > 0)
        free(blocks[--block_count]);
}
