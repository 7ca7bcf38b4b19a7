// SPDX-License-Identifier: MIT
// An 82540EM or 82574L in plain C, behind kernel/mmio.h and kernel/pci.h: registers with their side
// effects, rings in the test's memory, one step at a time. It obeys the manuals and checks that the
// driver does; tests turn it hostile by its switches or by writing into the rings themselves.
#pragma once

#include "drivers/e1000_registers.h"
#include "kernel/compiler.h"
#include "kernel/pci.h"

#define FAKE_E1000_FRAME_MAX 16384

struct fake_e1000 {
    struct pci_device pci;
    uint32_t registers[0x20000 / 4];
    // set by the test
    uint16_t eeprom[3];
    bool has_no_address;    // in its receive address register after the reset
    bool has_no_eeprom;     // it never answers
    bool stays_in_reset;    //
    bool is_gone;           // reads as ones
    uint32_t deaf_register; // what is written to it is lost
    uint64_t bar_bytes;
    int msix_error;
    uint16_t msix_entries;
    int route_error; // of the second pair
    bool loses_interrupts;
    uint32_t hash; // of received frames
    // what the driver did
    bool is_enabled; // masters the bus
    unsigned resets;
    unsigned writes_of_rdt, writes_of_tdt, writes_of_ims;
    uint64_t context; // for checksums, of the last context descriptor
    void (*handlers[5])(void *context);
    void *contexts[5];
    unsigned raised; // interrupts
};

extern struct fake_e1000 fake_e1000;

// A card of this device id that was just plugged in, with address 52:54:00:12:34:56.
void fake_e1000_init(uint16_t device_id);
uint32_t *fake_e1000_register(uint32_t offset);
// Writes a frame into as many buffers as it takes; `status` is of its last descriptor, the card
// adds that it is done and ended. Raises the interrupt. Returns: false without room: the frame is
// missed.
bool fake_e1000_receive(const void *data, size_t size_bytes, uint32_t status);
// How many buffers the card has.
uint32_t fake_e1000_rx_room(uint32_t queue);
// The descriptor of a queue that it will write next, and one of those to be sent.
struct e1000_rx_descriptor *fake_e1000_rx_next(uint32_t queue);
struct e1000_tx_descriptor *fake_e1000_tx_ring(uint32_t queue);
// As the card writes it, status as in the extended format.
void fake_e1000_write_rx(struct e1000_rx_descriptor *descriptor, uint32_t length, uint32_t status);
// Sends the next frame, its checksum filled in. Returns: its length, or 0 without one.
size_t fake_e1000_send(uint32_t queue, uint8_t frame[FAKE_E1000_FRAME_MAX]);
// Changes the link and raises the interrupt.
void fake_e1000_set_link(bool is_up);
