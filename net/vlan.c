// SPDX-License-Identifier: MIT
#include "net/vlan.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/options.h"
#include "net/netif.h"

OPTION_NUMBER_OF_CARD(vlan, 1, 4094, "the VLAN whose tag frames carry");

#define ADDRESSES_BYTES 12 // then the tag, or the type
#define TAG_BYTES       4
#define HEADER_BYTES    (ADDRESSES_BYTES + TAG_BYTES + 2)
#define ID_MASK         0x0fff

static uint8_t tags[NET_CARDS_MAX][TAG_BYTES]; // of this machine; the card reads it from here
static PERCORE struct {
    void (*received)(struct net_device *device, struct net_rx_buffer *frame);
    const struct net_device_ops *of_driver;
    struct net_device_ops ops;
    uint64_t others;
} state[NET_CARDS_MAX];

static bool is_ours(unsigned card, const struct net_rx_buffer *frame)
{
    const uint8_t *tag = tags[card];
    const uint8_t *at = frame->data + ADDRESSES_BYTES;
    return frame->length >= HEADER_BYTES && at[0] == tag[0] && at[1] == tag[1] &&
           ((at[2] << 8 | at[3]) & ID_MASK) == (tag[2] << 8 | tag[3]);
}

static void received(struct net_device *device, struct net_rx_buffer *frame)
{
    if (is_ours(device->card, frame)) {
        memmove(frame->data + TAG_BYTES, frame->data, ADDRESSES_BYTES);
        frame->data += TAG_BYTES;
        frame->length -= TAG_BYTES;
        state[device->card].received(device, frame);
        return;
    }
    state[device->card].others++;
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        device->ops->rx_release(device, frame);
        frame = next;
    }
    net_netif_touch();
}

// The tag goes between the two parts of the first piece, which holds all headers.
static int transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    struct net_tx_frame tagged = *frame;
    const uint8_t *first = frame->segments[0].data;
    tagged.segment_count = frame->segment_count + NET_TX_SEGMENTS_OF_TAG;
    tagged.segments[0].length = ADDRESSES_BYTES;
    tagged.segments[1].data = tags[device->card];
    tagged.segments[1].length = TAG_BYTES;
    tagged.segments[2].data = first + ADDRESSES_BYTES;
    tagged.segments[2].length = frame->segments[0].length - ADDRESSES_BYTES;
    for (uint32_t i = 1; i < frame->segment_count; i++)
        tagged.segments[i + NET_TX_SEGMENTS_OF_TAG] = frame->segments[i];
    if (frame->checksum_needed)
        tagged.checksum_start += TAG_BYTES;
    if (frame->tso_mss != 0)
        tagged.tso_headers_bytes += TAG_BYTES;
    return state[device->card].of_driver->transmit(device, &tagged);
}

void net_vlan_start(struct net_device *device)
{
    uint64_t id = option_get_number_of_card("vlan", device->card, 0, 1, 4094);
    if (id == 0)
        return;
    const uint8_t tag[TAG_BYTES] = {0x81, 0x00, (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(tags[device->card], tag, sizeof(tag)); // on each core the same
    typeof(state[0]) *card = &state[device->card];
    card->received = device->received;
    device->received = received;
    card->of_driver = device->ops;
    card->ops = *device->ops;
    card->ops.transmit = transmit;
    device->ops = &card->ops;
}

bool net_vlan_is_on(unsigned card)
{
    return state[card].of_driver != NULL;
}

uint64_t net_vlan_others_of(unsigned core, unsigned card)
{
    const typeof(state) *of = core_local_of(core, &state);
    return of == NULL ? 0 : (*of)[card].others;
}
