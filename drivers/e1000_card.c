// SPDX-License-Identifier: MIT
#include "drivers/e1000_card.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/interrupts.h"
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define RESET_SETTLE_NS   (20 * NS_PER_US) // SDM 13.4.1: no access for 1 us
#define RESET_TIMEOUT_NS  (100 * NS_PER_MS)
#define MASTER_TIMEOUT_NS (10 * NS_PER_MS)
#define EEPROM_TIMEOUT_NS (20 * NS_PER_MS) // until it was read into the registers; and for a word
#define POLL_NS           (100 * NS_PER_US)
// Entries of the MSI-X table: those of the queues by their number, then
#define MSIX_ENTRY_OTHER E1000_QUEUES_MAX
#define MSIX_ENTRIES     (E1000_QUEUES_MAX + 1)
// All that may raise an interrupt here, and that the card masks by itself then.
#define AUTO_CAUSES                                                                                \
    (E1000_INTERRUPT_RX(0) | E1000_INTERRUPT_RX(1) | E1000_INTERRUPT_TX(0) |                       \
     E1000_INTERRUPT_TX(1) | E1000_INTERRUPT_OTHER)

static uint32_t read_register(const struct e1000_card *card, uint32_t offset)
{
    return mmio_read32(card->registers + offset);
}

static void write_register(const struct e1000_card *card, uint32_t offset, uint32_t value)
{
    mmio_write32(card->registers + offset, value);
}

// Returns: true once the bits of `mask` read as `value`, false when time is up.
static bool wait_until(const struct e1000_card *card, uint32_t offset, uint32_t mask,
                       uint32_t value, uint64_t timeout_ns)
{
    uint64_t deadline_ns = time_now_ns() + timeout_ns;
    while ((read_register(card, offset) & mask) != value) {
        if (time_now_ns() > deadline_ns)
            return false;
        thread_sleep_until(time_now_ns() + POLL_NS);
    }
    return true;
}

// ---- finding, reset -----------------------------------------------------------------------------

const char *e1000_card_open(struct e1000_card *card, struct pci_device *pci,
                            const struct e1000_model *model)
{
    char place[PCI_NAME_BYTES];
    card->model = model;
    card->pci = pci;
    snprintf(card->name, sizeof(card->name), "%s at %s", model->name, pci_name(pci, place));
    uint64_t phys, size_max;
    if (pci_bar(pci, 0, &phys, &size_max) != 0 || size_max < E1000_REGISTERS_BYTES)
        return "firmware gave its registers no address";
    card->registers = mmio_map(phys, E1000_REGISTERS_BYTES);
    return card->registers == NULL ? "out of memory" : NULL;
}

const char *e1000_card_reset(struct e1000_card *card)
{
    pci_enable(card->pci);
    uint32_t status;
    if (!e1000_card_status(card, &status))
        return "its registers read as nothing but ones";
    write_register(card, E1000_IMC, E1000_ALL_INTERRUPTS);
    write_register(card, E1000_RCTL, 0);
    write_register(card, E1000_TCTL, 0);
    uint32_t control = read_register(card, E1000_CTRL);
    if (card->model->is_82574) { // what is under way ends first; the reset comes in any case
        write_register(card, E1000_CTRL, control | E1000_CTRL_GIO_MASTER_DISABLE);
        (void)wait_until(card, E1000_STATUS, E1000_STATUS_GIO_MASTER, 0, MASTER_TIMEOUT_NS);
    }
    write_register(card, E1000_CTRL, control | E1000_CTRL_RESET);
    thread_sleep_until(time_now_ns() + RESET_SETTLE_NS);
    if (!wait_until(card, E1000_CTRL, E1000_CTRL_RESET, 0, RESET_TIMEOUT_NS))
        return "it does not come out of reset";
    write_register(card, E1000_IMC, E1000_ALL_INTERRUPTS);
    (void)read_register(card, E1000_ICR); // clears it
    return e1000_card_status(card, &status) ? NULL : "it is gone after the reset";
}

// ---- address ------------------------------------------------------------------------------------

static bool is_station_address(const uint8_t mac[6])
{
    static const uint8_t none[6];
    return (mac[0] & 1) == 0 && memcmp(mac, none, sizeof(none)) != 0;
}

static bool read_eeprom(const struct e1000_card *card, uint32_t word, uint16_t *out)
{
    const struct e1000_model *model = card->model;
    write_register(card, E1000_EERD, word << model->eerd_address_shift | E1000_EERD_START);
    if (!wait_until(card, E1000_EERD, model->eerd_done, model->eerd_done, EEPROM_TIMEOUT_NS))
        return false;
    *out = (uint16_t)(read_register(card, E1000_EERD) >> E1000_EERD_DATA_SHIFT);
    return true;
}

const char *e1000_card_read_mac(struct e1000_card *card, uint8_t mac[6])
{
    // The card reads its EEPROM after a reset, which takes it some milliseconds.
    if (wait_until(card, E1000_RAH, E1000_RAH_VALID, E1000_RAH_VALID, EEPROM_TIMEOUT_NS)) {
        uint32_t low = read_register(card, E1000_RAL), high = read_register(card, E1000_RAH);
        memcpy(mac, &low, 4);
        memcpy(mac + 4, &high, 2);
        if (is_station_address(mac))
            return NULL;
    }
    bool is_read = true;
    for (uint32_t i = 0; i < 3 && is_read; i++) { // SDM 5.6.1: words 0 to 2
        uint16_t word = 0;
        is_read = read_eeprom(card, i, &word);
        memcpy(mac + 2 * i, &word, sizeof(word));
    }
    if (is_read && is_station_address(mac))
        return "its EEPROM";
    random_bytes(mac, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfe) | 0x02); // one of ours, not a group
    return "no memory of its own: it is made up";
}

// ---- what it is to do ---------------------------------------------------------------------------

void e1000_card_spread(struct e1000_card *card, uint32_t count)
{
    for (uint32_t i = 0; i < E1000_RETA_ENTRIES; i += 4) {
        uint32_t entries = 0;
        for (uint32_t j = 0; j < 4; j++)
            entries |= E1000_RETA_QUEUE((i + j) % count) << 8 * j;
        write_register(card, E1000_RETA + i, entries);
    }
}

// The key is random, so that nobody outside can choose the core of his connections.
static void configure_hash(struct e1000_card *card)
{
    uint32_t key[E1000_RSSRK_COUNT];
    random_bytes(key, sizeof(key));
    for (uint32_t i = 0; i < E1000_RSSRK_COUNT; i++)
        write_register(card, E1000_RSSRK + 4 * i, key[i]);
    e1000_card_spread(card, 1);
    write_register(card, E1000_MRQC, E1000_MRQC_HASH);
}

void e1000_card_configure(struct e1000_card *card, const uint8_t mac[6])
{
    const uint32_t cleared = E1000_CTRL_GIO_MASTER_DISABLE | E1000_CTRL_LINK_RESET |
                             E1000_CTRL_INVERT_LOSS | E1000_CTRL_FORCE_SPEED |
                             E1000_CTRL_FORCE_DUPLEX | E1000_CTRL_RESET |
                             E1000_CTRL_RX_FLOW_CONTROL | E1000_CTRL_TX_FLOW_CONTROL |
                             E1000_CTRL_VLAN_MODE | E1000_CTRL_PHY_RESET;
    uint32_t control = read_register(card, E1000_CTRL);
    write_register(card, E1000_CTRL, (control & ~cleared) | E1000_CTRL_SET_LINK_UP);
    uint32_t low = 0, high = 0;
    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    write_register(card, E1000_RAL, low);
    write_register(card, E1000_RAH, high | E1000_RAH_VALID);
    for (uint32_t i = 1; i < E1000_RECEIVE_ADDRESSES; i++)
        write_register(card, E1000_RAH + 8 * i, 0);
    for (uint32_t i = 0; i < E1000_MTA_COUNT; i++)
        write_register(card, E1000_MTA + 4 * i, 0);
    // The loop polls while there is traffic, so the card need not delay anything.
    static const uint16_t delays[] = {E1000_RDTR, E1000_RADV, E1000_TIDV, E1000_TADV};
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++)
        write_register(card, delays[i], 0);
    uint32_t checksums = E1000_RXCSUM_IP | E1000_RXCSUM_TRANSPORT;
    if (card->model->is_82574) {
        checksums |= E1000_RXCSUM_HASH;
        write_register(card, E1000_RFCTL, E1000_RFCTL_NO_FILTERS | E1000_RFCTL_EXTENDED);
        configure_hash(card);
        write_register(card, E1000_CTRL_EXT,
                       read_register(card, E1000_CTRL_EXT) | E1000_CTRL_EXT_DRIVER_LOADED);
    }
    write_register(card, E1000_RXCSUM, checksums);
}

// The registers of both directions have the same distances. Returns: as e1000_card_set_rx().
static const char *set_ring(struct e1000_card *card, uint32_t base,
                            const struct e1000_ring_place *place)
{
    base += place->queue * E1000_QUEUE_STRIDE;
    write_register(card, base, (uint32_t)place->phys);
    write_register(card, base + (E1000_RDBAH - E1000_RDBAL), (uint32_t)(place->phys >> 32));
    write_register(card, base + (E1000_RDLEN - E1000_RDBAL), place->bytes);
    write_register(card, base + (E1000_RDH - E1000_RDBAL), 0);
    write_register(card, base + (E1000_RDT - E1000_RDBAL), 0);
    bool holds = read_register(card, base) == (uint32_t)place->phys &&
                 read_register(card, base + (E1000_RDLEN - E1000_RDBAL)) == place->bytes &&
                 read_register(card, base + (E1000_RDH - E1000_RDBAL)) == 0;
    return holds ? NULL : "its registers do not hold what is written to them";
}

_Static_assert(E1000_RDBAH - E1000_RDBAL == E1000_TDBAH - E1000_TDBAL &&
                   E1000_RDLEN - E1000_RDBAL == E1000_TDLEN - E1000_TDBAL &&
                   E1000_RDH - E1000_RDBAL == E1000_TDH - E1000_TDBAL &&
                   E1000_RDT - E1000_RDBAL == E1000_TDT - E1000_TDBAL,
               "set_ring() is for both");

const char *e1000_card_set_rx(struct e1000_card *card, const struct e1000_ring_place *place)
{
    return set_ring(card, E1000_RDBAL, place);
}

const char *e1000_card_set_tx(struct e1000_card *card, const struct e1000_ring_place *place)
{
    if (card->model->is_82574)
        write_register(card, E1000_TXDCTL + place->queue * E1000_QUEUE_STRIDE,
                       E1000_TXDCTL_WRITE_BACK_EACH);
    return set_ring(card, E1000_TDBAL, place);
}

void e1000_card_start(struct e1000_card *card)
{
    write_register(card, E1000_TIPG, E1000_TIPG_COPPER);
    write_register(card, E1000_TCTL,
                   E1000_TCTL_ENABLE | E1000_TCTL_PAD_SHORT | E1000_TCTL_COLLISIONS |
                       E1000_TCTL_DISTANCE);
    // QEMU's 82540EM hears nothing for a second after this: a lease takes that long there.
    write_register(card, E1000_RCTL,
                   E1000_RCTL_ENABLE | E1000_RCTL_ALL_MULTICAST | E1000_RCTL_LONG_FRAMES |
                       E1000_RCTL_BROADCAST | E1000_RCTL_STRIP_CRC);
    (void)e1000_card_losses(card); // those of before are nobody's
}

void e1000_card_tell_rx(struct e1000_card *card, uint32_t queue, uint32_t tail)
{
    write_register(card, E1000_RDT + queue * E1000_QUEUE_STRIDE, tail);
}

void e1000_card_tell_tx(struct e1000_card *card, uint32_t queue, uint32_t tail)
{
    write_register(card, E1000_TDT + queue * E1000_QUEUE_STRIDE, tail);
}

// ---- interrupts ---------------------------------------------------------------------------------

static int route(struct e1000_card *card, uint16_t entry, void (*handler)(void *context),
                 void *context)
{
    int vector = interrupt_allocate(handler, context);
    if (vector < 0)
        return vector;
    int error = pci_msix_route(&card->msix, entry, vector);
    if (error != 0)
        interrupt_set_handler(vector, NULL, NULL);
    return error;
}

int e1000_card_route_queue(struct e1000_card *card, uint32_t queue, void (*handler)(void *context),
                           void *context)
{
    return route(card, (uint16_t)queue, handler, context);
}

int e1000_card_route_other(struct e1000_card *card, void (*handler)(void *context), void *context)
{
    return route(card, MSIX_ENTRY_OTHER, handler, context);
}

int e1000_card_set_interrupts(struct e1000_card *card)
{
    if (!card->model->is_82574)
        return -ENODEV;
    int error = pci_msix_enable(card->pci, &card->msix);
    if (error != 0)
        return error;
    if (card->msix.table_size < MSIX_ENTRIES)
        return -ENOSPC;
    uint32_t extended = read_register(card, E1000_CTRL_EXT) & ~E1000_CTRL_EXT_IAME;
    write_register(card, E1000_CTRL_EXT,
                   extended | E1000_CTRL_EXT_AUTO_MASK | E1000_CTRL_EXT_PBA_CLEAR);
    write_register(card, E1000_IVAR,
                   E1000_IVAR_RX(0, 0u) | E1000_IVAR_TX(0, 0u) | E1000_IVAR_RX(1, 1u) |
                       E1000_IVAR_TX(1, 1u) | E1000_IVAR_OTHER(MSIX_ENTRY_OTHER));
    write_register(card, E1000_EIAC, AUTO_CAUSES);
    write_register(card, E1000_IAM, AUTO_CAUSES);
    card->has_interrupts = true;
    return 0;
}

void e1000_card_unmask(struct e1000_card *card, uint32_t causes)
{
    write_register(card, E1000_IMS, causes);
}

void e1000_card_acknowledge(struct e1000_card *card, uint32_t causes)
{
    write_register(card, E1000_ICR, causes);
}

// ---- questions ----------------------------------------------------------------------------------

bool e1000_card_status(struct e1000_card *card, uint32_t *status)
{
    *status = read_register(card, E1000_STATUS);
    return *status != E1000_ALL_ONES;
}

uint32_t e1000_card_tx_head(struct e1000_card *card, uint32_t queue)
{
    return read_register(card, E1000_TDH + queue * E1000_QUEUE_STRIDE);
}

struct e1000_losses e1000_card_losses(struct e1000_card *card)
{
    return (struct e1000_losses){
        .missed = read_register(card, E1000_MPC),
        .damaged = read_register(card, E1000_CRCERRS) + read_register(card, E1000_ALGNERRC) +
                   read_register(card, E1000_RXERRC),
    };
}

void e1000_card_shut_off(struct e1000_card *card)
{
    uint32_t status;
    atomic_store_explicit(&card->is_shut_off, true, memory_order_relaxed);
    write_register(card, E1000_IMC, E1000_ALL_INTERRUPTS);
    write_register(card, E1000_RCTL, 0);
    write_register(card, E1000_TCTL, 0);
    pci_disable(card->pci); // it may ignore all this
    // What was on its way to memory has arrived before this answer.
    (void)e1000_card_status(card, &status);
}
