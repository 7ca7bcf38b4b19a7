// SPDX-License-Identifier: MIT
// Exchange slots: how cores talk. For each ordered pair of cores there is one slot with one writer,
// the sender, and one taker, the receiver. A sender queues messages in its own memory and moves the
// whole queue into the slot when that is empty; the receiver takes everything at once. Plain loads
// and stores in the order that release and acquire give; no locked instruction.
// Messages between two cores arrive in the order sent. Nothing is copied, nothing is lost.
#pragma once

#include "kernel/compiler.h"

// What travels, as the first member of something larger. Owned by the receiver from send to
// receive().
struct exchange_message {
    struct exchange_message *next; // exchange's, on the way
    // Called on the receiving core, in its loop: must not block. May free or send on the message.
    void (*receive)(struct exchange_message *message);
};

// Core 0, once, before other cores start: the slots and queues for `core_count` cores. Returns: 0
// or -ENOMEM.
int exchange_start(unsigned core_count) MUST_CHECK;
// Each core: joins, with its local APIC id for wake-ups.
void exchange_start_core(uint32_t apic_id);

// Sends to another core, or to this one. Context: thread. Blocks: never.
void exchange_send(unsigned core, struct exchange_message *message);

// The same in its order, but the message may wait for others, so that all go over together and the
// core is rung once: until exchange_flush(), a message sent to the same core, or the loop's next
// turn or halt.
void exchange_post(unsigned core, struct exchange_message *message);
// What was posted goes. Context: thread, and arm() of a poller, of which those after the exchange's
// own have to call it when they post.
extern PERCORE unsigned exchange_owed; // cores for which something is queued
void exchange_send_posted(void);
static inline void exchange_flush(void)
{
    if (exchange_owed != 0)
        exchange_send_posted();
}

struct exchange_stats {
    uint64_t sent, received, wakes;
};
struct exchange_stats exchange_stats_get(void);
