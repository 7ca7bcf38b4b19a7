// SPDX-License-Identifier: MIT
// One card, seen through its registers: finding them, reset, address, link, interrupts, the places
// of rings. What it does with frames is not known here.
// Context: a thread of core 0 to open, reset, configure and start; what has to do with a queue on
// the core that works with it.
#pragma once

#include <stdatomic.h>

#include "drivers/e1000_registers.h"
#include "kernel/compiler.h"
#include "kernel/pci.h"

// What distinguishes one kind of card.
struct e1000_model {
    uint16_t device_id; // of vendor 8086
    const char *name;   // of the driver, as its users know it
    const char *chip;
    bool is_82574; // PCI Express, MSI-X, the registers marked so
    // Shorter frames are to be made up before the card has them: made up by the card itself they
    // have to have this length at least. Spec: SDM 3.3.3; 82574 7.2.1.
    uint32_t tx_bytes_min;
    uint32_t eerd_done;
    uint8_t eerd_address_shift;
};

struct e1000_card {
    const struct e1000_model *model;
    struct pci_device *pci;
    char name[32]; // "e1000 at 00:02.0"
    volatile uint8_t *registers;
    struct pci_msix msix;
    bool has_interrupts;     // else it is to be looked at again and again
    atomic_bool is_shut_off; // one of its cores did it, the others find out
    bool is_end_told;        // core 0's: why stands in the log
};

// Where a ring lies: its queue number, address and size.
struct e1000_ring_place {
    uint32_t queue;
    uint64_t phys;
    uint32_t bytes; // a multiple of 128
};

static inline bool e1000_is_up(uint32_t status)
{
    return (status & E1000_STATUS_LINK_UP) != 0;
}

// Maps the registers of a card. Returns: NULL, or why it cannot be used.
const char *e1000_card_open(struct e1000_card *card, struct pci_device *pci,
                            const struct e1000_model *model) MUST_CHECK;
// Stops what firmware left running and resets. Blocks: up to 0.2 s. Returns: NULL, or what is
// wrong.
const char *e1000_card_reset(struct e1000_card *card) MUST_CHECK;
// The card's own address: from the receive address register, else from its EEPROM, else made up.
// Blocks: some milliseconds if the register holds none. Returns: NULL, or where it is from instead.
const char *e1000_card_read_mac(struct e1000_card *card, uint8_t mac[6]);
// After a reset: filters, checksums, link; neither receives nor sends yet.
void e1000_card_configure(struct e1000_card *card, const uint8_t mac[6]);
// Gives the card a ring, empty. Returns: NULL, or what is wrong: it does not hold what was written.
const char *e1000_card_set_rx(struct e1000_card *card,
                              const struct e1000_ring_place *place) MUST_CHECK;
const char *e1000_card_set_tx(struct e1000_card *card,
                              const struct e1000_ring_place *place) MUST_CHECK;
// Received frames go to the first `count` queues, those of a connection to the same one.
void e1000_card_spread(struct e1000_card *card, uint32_t count);
// Lets it receive and send.
void e1000_card_start(struct e1000_card *card);

// Interrupts by MSI-X, all masked. Returns: 0, or negative: the card has none, or too few entries.
int e1000_card_set_interrupts(struct e1000_card *card) MUST_CHECK;
// Gives the calling core the interrupts of a queue, or of the link. Returns: 0, or -ENOSPC when it
// has no vector left, or -ERANGE where no device reaches it.
int e1000_card_route_queue(struct e1000_card *card, uint32_t queue, void (*handler)(void *context),
                           void *context) MUST_CHECK;
int e1000_card_route_other(struct e1000_card *card, void (*handler)(void *context),
                           void *context) MUST_CHECK;
// Allows the causes given. Each is masked again by the card when it raises its interrupt; one that
// came while it was masked raises it now. Spec: 82574 7.4.4 and 10.2.4.
void e1000_card_unmask(struct e1000_card *card, uint32_t causes);
// Forgets that causes came.
void e1000_card_acknowledge(struct e1000_card *card, uint32_t causes);

void e1000_card_tell_rx(struct e1000_card *card, uint32_t queue, uint32_t tail);
void e1000_card_tell_tx(struct e1000_card *card, uint32_t queue, uint32_t tail);

// The status register. Returns: false if the card is not there any more.
bool e1000_card_status(struct e1000_card *card, uint32_t *status);
// How far the card has come with sending: an index.
uint32_t e1000_card_tx_head(struct e1000_card *card, uint32_t queue);
// What it lost since the last call: good frames for want of a buffer, damaged ones.
struct e1000_losses {
    uint32_t missed, damaged;
};
struct e1000_losses e1000_card_losses(struct e1000_card *card);

static inline bool e1000_card_is_shut_off(const struct e1000_card *card)
{
    return atomic_load_explicit(&card->is_shut_off, memory_order_relaxed);
}
// The card can touch memory no more. Context: any core that works with it.
void e1000_card_shut_off(struct e1000_card *card);
