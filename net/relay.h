// SPDX-License-Identifier: MIT
// Frames between cores, by exchange slots: received ones to the core whose connection they belong
// to, and, for a core without queues of its own, sent ones to the core that has them. No byte is
// copied: buffers travel and come home when they were used. All is posted, so it goes over
// together, at exchange_flush(). Context: the loop or a thread of the core named; none blocks.
#pragma once

#include "kernel/device.h"
#include "kernel/options.h"

struct net_relay_stats {
    uint64_t rx_given, rx_taken; // frames that came in for another core, and from one
    uint64_t tx_given, tx_taken; // frames that another core was to send, and that one gave us
    uint64_t told_to_all;        // copies of frames that all cores had to hear
};
struct net_relay_stats net_relay_stats_of(unsigned core);

// Makes a device of this core that sends through `hub`, another core's, and receives what that core
// gives it. Returns: it, or NULL without memory.
struct net_device *net_relay_device(struct net_device *hub);

// Gives a received frame of this core's `home` device to another core.
void net_relay_frame(unsigned core, struct net_device *home, struct net_rx_buffer *frame);
// Gives a buffer that came from another core back to it. Returns: false if it is this core's own.
void net_relay_send_home(struct net_rx_buffer *buffer);
static inline bool net_relay_release(struct net_rx_buffer *buffer)
{
    if (buffer->travel[2] == NULL)
        return false;
    net_relay_send_home(buffer);
    return true;
}
// A copy of the frame that came in by a card for another core. Lost without memory: who needs it
// will ask again.
void net_relay_copy(unsigned core, unsigned card, const struct net_rx_buffer *frame);

// ---- the core that sends for others -------------------------------------------------------------

// Whether a token that the device gave back is of a frame that another core sent; then it is told.
#define NET_RELAY_TAG 1u // in a token
void net_relay_finish(void *token);
static inline bool net_relay_sent(void *token)
{
    if (((uintptr_t)token & NET_RELAY_TAG) == 0)
        return false;
    net_relay_finish(token);
    return true;
}
// Sends what did not fit into the queue of a card's device. Returns: true if there is room for
// more.
extern PERCORE struct net_relay_waiting {
    struct relay_tx *first, **end;
} net_relay_waiting[OPTION_CARDS_MAX];
bool net_relay_send_again(unsigned card);
static inline bool net_relay_send_waiting(unsigned card)
{
    return net_relay_waiting[card].first == NULL || net_relay_send_again(card);
}
// Tells other cores of what was sent for them; otherwise they hear in batches.
void net_relay_settle(void);
