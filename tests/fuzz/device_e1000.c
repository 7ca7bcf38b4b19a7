// SPDX-License-Identifier: MIT
#include "device_cards.h"
#include "e1000_fixture.h"

#define STEPS_MAX 600

static void set_card(struct bytes *bytes)
{
    uint8_t how = bytes_take8(bytes), what = bytes_take8(bytes);
    prepare(chips[how & 1]);
    clock_step_ns = NS_PER_US;
    fake_e1000.has_no_address = (how & 2) != 0;
    fake_e1000.has_no_eeprom = (how & 4) != 0;
    fake_e1000.stays_in_reset = (how & 0x18) == 0x18;
    fake_e1000.msix_error = (how & 0x60) == 0x60 ? -ENODEV : 0;
    fake_e1000.loses_interrupts = (how & 0x80) != 0;
    core_slot_count = 1 + (what & 1);
    absent_core = what & 2 ? 1 : UINT32_MAX;
    fake_e1000.msix_entries = what & 4 ? bytes_take8(bytes) : 5;
    fake_e1000.route_error = what & 8 ? -ERANGE : 0;
    if (what & 0x10)
        fake_e1000.deaf_register = bytes_take16(bytes) & ~3u;
    if (what & 0x20)
        bytes_take(bytes, fake_e1000.eeprom, sizeof(fake_e1000.eeprom));
    if (what & 0x40)
        fake_e1000.bar_bytes = bytes_take16(bytes) * (uint64_t)16;
}

// What the card may write by itself: how it is, what it lost, descriptors.
static void act(struct bytes *bytes)
{
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    uint8_t what = bytes_take8(bytes);
    uint32_t status = bytes_take16(bytes) | (uint32_t)bytes_take16(bytes) << 16;
    switch (what % 8) {
    case 0:
    case 1:
        if (fake_e1000_rx_room(0) > 9)
            (void)fake_e1000_receive(data, 1 + status % 9000, what & 0x80 ? status : 0);
        break;
    case 2:
        (void)fake_e1000_send(0, sent);
        break;
    case 3:
        fake_e1000_write_rx(fake_e1000_rx_next(0) /* not told */, bytes_take16(bytes), status);
        break;
    case 4:
        fake_e1000_tx_ring(0)[what >> 3].status_options ^= status;
        break;
    case 5:
        fake_e1000_set_link(status & 1);
        break;
    case 6:
        *fake_e1000_register(E1000_CRCERRS + status % 256 / 4 * 4) = status;
        break;
    default:
        fake_e1000.is_gone = status % 16 == 0;
    }
}

void device_e1000(struct bytes *bytes)
{
    set_card(bytes);
    (void)e1000_probe(&fake_e1000.pci);
    struct net_device *net = net_device_first();
    if (net == NULL)
        return;
    net->received = keep_frame;
    net->transmitted = keep_token;
    net->ops->flush(net);
    for (int step = 0; bytes_left(bytes) > 0 && step < STEPS_MAX; step++) {
        uint8_t kind = bytes_take8(bytes);
        if (kind % 2)
            device_drive(net, kind / 2, bytes_take8(bytes));
        else if (fake_e1000.is_enabled && fake_e1000.deaf_register == UINT32_MAX)
            act(bytes);
    }
    fake_e1000.is_gone = false;
    (void)net->ops->poll(net, 16);
    device_check(net, !fake_e1000.is_enabled);
    release_frames(net);
}
