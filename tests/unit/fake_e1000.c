// SPDX-License-Identifier: MIT
#include "fake_e1000.h"

#include <errno.h>
#include <string.h>

#include "host.h"

#include "kernel/interrupts.h"
#include "kernel/mmio.h"

#define BAR_PHYS 0xfeb80000u

struct fake_e1000 fake_e1000;
static struct fake_e1000 *const fake = &fake_e1000;

uint32_t *fake_e1000_register(uint32_t offset)
{
    assert_true(offset < sizeof(fake->registers) && offset % 4 == 0);
    return &fake->registers[offset / 4];
}
#define REGISTER(offset) (*fake_e1000_register(offset))

static bool is_82574(void)
{
    return fake->pci.device_id == 0x10d3;
}

void fake_e1000_init(uint16_t device_id)
{
    memset(fake, 0, sizeof(*fake));
    fake->pci = (struct pci_device){.slot = 2, .vendor_id = 0x8086, .device_id = device_id};
    fake->bar_bytes = 0x20000;
    fake->deaf_register = UINT32_MAX;
    fake->msix_entries = 5;
    memcpy(fake->eeprom, "\x52\x54\x00\x12\x34\x56", 6);
    REGISTER(E1000_STATUS) = 0x80080383;      // as of power-on, link up
    REGISTER(E1000_RCTL) = E1000_RCTL_ENABLE; // firmware left it so
}

// ---- PCI ----------------------------------------------------------------------------------------

const char *pci_name(const struct pci_device *device, char text[PCI_NAME_BYTES])
{
    (void)device;
    return strcpy(text, "00:02.0");
}
int pci_bar(const struct pci_device *device, int index, uint64_t *phys, uint64_t *size_max)
{
    (void)device;
    assert_int_equal(index, 0);
    *phys = BAR_PHYS;
    *size_max = fake->bar_bytes;
    return fake->bar_bytes == 0 ? -ENODEV : 0;
}
void pci_enable(const struct pci_device *device)
{
    (void)device;
    fake->is_enabled = true;
}
void pci_disable(const struct pci_device *device)
{
    (void)device;
    fake->is_enabled = false;
}
int pci_msix_enable(struct pci_device *device, struct pci_msix *msix)
{
    assert_int_equal(device->device_id, 0x10d3);
    msix->table_size = fake->msix_entries;
    return fake->msix_error;
}
static void (*allocated_handler)(void *context);
static void *allocated_context;
int interrupt_allocate(void (*handler)(void *context), void *context)
{
    allocated_handler = handler;
    allocated_context = context;
    return 40;
}
void interrupt_set_handler(int vector, void (*handler)(void *context), void *context)
{
    assert_true(vector == 40 && handler == NULL && context == NULL);
    allocated_handler = NULL;
}
int pci_msix_route(struct pci_msix *msix, uint16_t entry, int vector)
{
    if (entry == 1 && fake->route_error != 0)
        return fake->route_error;
    assert_true(entry < msix->table_size && vector == 40);
    fake->handlers[entry] = allocated_handler;
    fake->contexts[entry] = allocated_context;
    return 0;
}

// ---- interrupts, 82574 7.4 ----------------------------------------------------------------------

static void raise_one(uint32_t cause, uint32_t allocation)
{
    if ((REGISTER(E1000_ICR) & REGISTER(E1000_IMS) & cause) == 0)
        return;
    assert_true((allocation & 8) != 0 && (allocation & 7) < 5);
    uint32_t automatic = cause & REGISTER(E1000_EIAC);
    REGISTER(E1000_ICR) &= ~automatic;
    if (REGISTER(E1000_CTRL_EXT) & E1000_CTRL_EXT_AUTO_MASK)
        REGISTER(E1000_IMS) &= ~(cause & REGISTER(E1000_IAM));
    fake->raised++;
    if (!fake->loses_interrupts)
        fake->handlers[allocation & 7](fake->contexts[allocation & 7]);
}

static void raise(uint32_t causes)
{
    REGISTER(E1000_ICR) |= causes;
    if (!is_82574()) {
        assert_int_equal(REGISTER(E1000_IMS), 0); // nobody would hear its pin
        return;
    }
    if (REGISTER(E1000_ICR) & REGISTER(E1000_IMS) & E1000_INTERRUPT_LINK)
        REGISTER(E1000_ICR) |= E1000_INTERRUPT_OTHER;
    uint32_t table = REGISTER(E1000_IVAR);
    for (uint32_t queue = 0; queue < 2; queue++) {
        raise_one(E1000_INTERRUPT_RX(queue), table >> 4 * queue & 15);
        raise_one(E1000_INTERRUPT_TX(queue), table >> (8 + 4 * queue) & 15);
    }
    raise_one(E1000_INTERRUPT_OTHER, table >> 16 & 15);
}

void fake_e1000_set_link(bool is_up)
{
    REGISTER(E1000_STATUS) &= ~E1000_STATUS_LINK_UP;
    if (is_up)
        REGISTER(E1000_STATUS) |= E1000_STATUS_LINK_UP;
    raise(E1000_INTERRUPT_LINK);
}

// ---- registers ----------------------------------------------------------------------------------

static void reset(void)
{
    static const uint32_t cleared[] = {E1000_RCTL, E1000_TCTL, E1000_IMS, E1000_EIAC, E1000_RDH,
                                       E1000_RDT,  E1000_TDH,  E1000_TDT, E1000_MRQC, E1000_RFCTL};
    fake->resets++;
    for (size_t i = 0; i < ARRAY_COUNT(cleared); i++)
        REGISTER(cleared[i]) = 0;
    fake->context = 0;
    REGISTER(E1000_CTRL) &= ~(E1000_CTRL_RESET | E1000_CTRL_GIO_MASTER_DISABLE);
    REGISTER(E1000_STATUS) |= E1000_STATUS_GIO_MASTER;
    if (!fake->has_no_address) {
        memcpy(fake_e1000_register(E1000_RAL), fake->eeprom, 4);
        REGISTER(E1000_RAH) = fake->eeprom[2] | E1000_RAH_VALID;
    }
}

static void write_control(uint32_t value)
{
    REGISTER(E1000_CTRL) = value;
    if (value & E1000_CTRL_GIO_MASTER_DISABLE)
        REGISTER(E1000_STATUS) &= ~E1000_STATUS_GIO_MASTER;
    if ((value & E1000_CTRL_RESET) != 0 && !fake->stays_in_reset)
        reset();
}

static void read_eeprom(uint32_t value)
{
    uint32_t word = is_82574() ? value >> 2 & 0x3fff : value >> 8 & 0xff;
    assert_true((value & E1000_EERD_START) != 0 && word < ARRAY_COUNT(fake->eeprom));
    if (!fake->has_no_eeprom)
        REGISTER(E1000_EERD) = (uint32_t)fake->eeprom[word] << 16 | (is_82574() ? 2 : 16);
}

static bool is_statistic(uint32_t offset)
{
    return offset >= E1000_CRCERRS && offset < 0x4100;
}

uint32_t mmio_read32(const volatile void *address)
{
    uint32_t offset = (uint32_t)((const volatile uint8_t *)address - (uint8_t *)fake->registers);
    if (fake->is_gone)
        return E1000_ALL_ONES;
    uint32_t value = REGISTER(offset);
    if (is_statistic(offset) || offset == E1000_ICR)
        REGISTER(offset) = 0;
    return value;
}

void mmio_write32(volatile void *address, uint32_t value)
{
    uint32_t offset = (uint32_t)((volatile uint8_t *)address - (uint8_t *)fake->registers);
    if (fake->is_gone || offset == fake->deaf_register)
        return;
    switch (offset) {
    case E1000_CTRL:
        write_control(value);
        break;
    case E1000_EERD:
        read_eeprom(value);
        break;
    case E1000_ICR:
        REGISTER(E1000_ICR) &= ~value;
        break;
    case E1000_IMS:
        fake->writes_of_ims++;
        REGISTER(E1000_IMS) |= value;
        raise(0);
        break;
    case E1000_IMC:
        REGISTER(E1000_IMS) &= ~value;
        break;
    case E1000_RDT:
        fake->writes_of_rdt += (REGISTER(E1000_RCTL) & E1000_RCTL_ENABLE) != 0;
        REGISTER(offset) = value;
        break;
    case E1000_TDT:
        fake->writes_of_tdt += (REGISTER(E1000_TCTL) & E1000_TCTL_ENABLE) != 0;
        REGISTER(offset) = value;
        break;
    default:
        assert_true(offset != E1000_STATUS && !is_statistic(offset));
        // 82574 has queues, filters and automatic masks of its own.
        assert_true(is_82574() ||
                    (offset != E1000_RFCTL && offset != E1000_MRQC && offset != E1000_IVAR &&
                     offset != E1000_EIAC && (offset & ~0x7ffu) != (E1000_RETA & ~0x7ffu)));
        REGISTER(offset) = value;
    }
}

void *mmio_map(uint64_t phys, size_t size_bytes)
{
    assert_true(phys == BAR_PHYS && size_bytes <= fake->bar_bytes);
    return fake->registers;
}

// ---- frames -------------------------------------------------------------------------------------

static void *ring_of(uint32_t base, uint32_t *size)
{
    uint64_t phys = REGISTER(base) | (uint64_t)REGISTER(base + 4) << 32;
    *size = REGISTER(base + 8) / 16;
    assert_true(phys != 0 && phys % 16 == 0 && REGISTER(base + 8) % 128 == 0 && *size != 0);
    assert_true(REGISTER(base + 0x10) < *size && REGISTER(base + 0x18) < *size);
    assert_true(fake->is_enabled);
    return (void *)(uintptr_t)phys;
}

uint32_t fake_e1000_rx_room(uint32_t queue)
{
    uint32_t size, base = queue * E1000_QUEUE_STRIDE;
    ring_of(E1000_RDBAL + base, &size);
    return (REGISTER(E1000_RDT + base) - REGISTER(E1000_RDH + base)) % size;
}

struct e1000_rx_descriptor *fake_e1000_rx_next(uint32_t queue)
{
    uint32_t size, base = queue * E1000_QUEUE_STRIDE;
    return (struct e1000_rx_descriptor *)ring_of(E1000_RDBAL + base, &size) +
           REGISTER(E1000_RDH + base);
}

struct e1000_tx_descriptor *fake_e1000_tx_ring(uint32_t queue)
{
    uint32_t size;
    return ring_of(E1000_TDBAL + queue * E1000_QUEUE_STRIDE, &size);
}

void fake_e1000_write_rx(struct e1000_rx_descriptor *descriptor, uint32_t length, uint32_t status)
{
    if (REGISTER(E1000_RFCTL) & E1000_RFCTL_EXTENDED) {
        descriptor->words[0] = status;
        descriptor->words[1] = length;
    } else {
        descriptor->words[0] = length;
        descriptor->words[1] = (status & 0xff) | (status >> 24) << 8;
    }
}

// 82574 7.1.11
static uint32_t choose_queue(void)
{
    if ((REGISTER(E1000_MRQC) & 3) == 0)
        return 0;
    assert_true((REGISTER(E1000_RXCSUM) & E1000_RXCSUM_HASH) != 0);
    assert_true((REGISTER(E1000_RFCTL) & E1000_RFCTL_EXTENDED) != 0);
    uint32_t entry = fake->hash % 128;
    return REGISTER(E1000_RETA + entry / 4 * 4) >> (8 * (entry % 4) + 7) & 1;
}

bool fake_e1000_receive(const void *data, size_t size_bytes, uint32_t status)
{
    uint32_t size, control = REGISTER(E1000_RCTL), queue = choose_queue();
    uint32_t base = queue * E1000_QUEUE_STRIDE;
    struct e1000_rx_descriptor *ring = ring_of(E1000_RDBAL + base, &size);
    assert_true((control & E1000_RCTL_ENABLE) != 0 && (control & E1000_RCTL_STRIP_CRC) != 0);
    assert_int_equal(control & 0x02030000, 0); // buffers of 2 KiB
    uint32_t buffers = (uint32_t)((size_bytes + 2047) / 2048);
    if (fake_e1000_rx_room(queue) < buffers) {
        REGISTER(E1000_MPC)++;
        return false;
    }
    for (uint32_t i = 0; i < buffers; i++) {
        struct e1000_rx_descriptor *at = &ring[REGISTER(E1000_RDH + base)];
        uint32_t length = size_bytes < 2048 ? (uint32_t)size_bytes : 2048;
        memcpy((void *)(uintptr_t)at->address_phys, data, length);
        if (REGISTER(E1000_RFCTL) & E1000_RFCTL_EXTENDED)
            at->address_phys = fake->hash; // 82574 7.1.5: and the kind of hash
        data = (const uint8_t *)data + length;
        size_bytes -= length;
        fake_e1000_write_rx(at, length,
                            i + 1 < buffers ? E1000_RX_DONE
                                            : status | E1000_RX_DONE | E1000_RX_END_OF_FRAME);
        REGISTER(E1000_RDH + base) = (REGISTER(E1000_RDH + base) + 1) % size;
    }
    raise(E1000_INTERRUPT_RX(queue));
    return true;
}

// SDM 3.3.6: sums from one place to the frame's end, what lies in the field included.
static void insert_checksum(uint8_t *frame, size_t size_bytes)
{
    uint32_t start = fake->context >> 32 & 0xff, field = fake->context >> 40 & 0xff;
    assert_true(field >= start && field + 2 <= size_bytes && fake->context >> 48 == 0);
    uint32_t sum = 0;
    for (size_t i = start; i < size_bytes; i++)
        sum += (i - start) % 2 ? frame[i] : (uint32_t)frame[i] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    frame[field] = (uint8_t)(sum >> 8);
    frame[field + 1] = (uint8_t)sum;
}

size_t fake_e1000_send(uint32_t queue, uint8_t frame[FAKE_E1000_FRAME_MAX])
{
    uint32_t size, options = 0, base = queue * E1000_QUEUE_STRIDE;
    struct e1000_tx_descriptor *ring = ring_of(E1000_TDBAL + base, &size);
    assert_true((REGISTER(E1000_TCTL) & E1000_TCTL_ENABLE) != 0);
    size_t size_bytes = 0;
    while (REGISTER(E1000_TDH + base) != REGISTER(E1000_TDT + base)) {
        struct e1000_tx_descriptor *at = &ring[REGISTER(E1000_TDH + base)];
        REGISTER(E1000_TDH + base) = (REGISTER(E1000_TDH + base) + 1) % size;
        assert_int_equal(at->command & E1000_TX_EXTENDED, E1000_TX_EXTENDED);
        if ((at->command & 0xf00000) == 0) { // a context comes before a frame
            assert_int_equal(size_bytes, 0);
            fake->context = at->address_phys; // one for both queues
            continue;
        }
        uint32_t length = at->command & E1000_TX_LENGTH_MASK;
        assert_true(length > 0 && size_bytes + length <= 16288);
        if (size_bytes == 0)
            options = at->status_options;
        memcpy(frame + size_bytes, (const void *)(uintptr_t)at->address_phys, length);
        size_bytes += length;
        if ((at->command & E1000_TX_END_OF_FRAME) == 0)
            continue;
        assert_true((at->command & E1000_TX_INSERT_CRC) != 0);
        assert_true(size_bytes >= (is_82574() ? 17 : 48)); // SDM 3.3.3, 82574 7.2.1
        if (options & E1000_TX_INSERT_TRANSPORT)
            insert_checksum(frame, size_bytes);
        if (at->command & E1000_TX_REPORT)
            at->status_options |= E1000_TX_DONE;
        raise(E1000_INTERRUPT_TX(queue));
        return size_bytes;
    }
    assert_int_equal(size_bytes, 0); // the tail is between frames
    return 0;
}
