// SPDX-License-Identifier: MIT
// What the kernel offers a driver of a network card, and the network layer above it: a clock that
// the test turns, one timer, memory that can run out, cores that are called at once; frames and
// tokens are kept for the test to look at.
#pragma once

#include "host.h"

#include "kernel/core.h"
#include "kernel/device.h"
#include "kernel/time.h"

extern uint64_t now_ns, clock_step_ns; // each look moves the clock on by a step
extern struct timer *pending_timer;    // the one started last, NULL without
extern int pages_left;                 // page_alloc() fails at 0
extern void (*sleeping)(void);         // the device works while the driver sleeps; may be NULL
extern unsigned absent_core;           // did not come up

extern struct net_rx_buffer *frames[1024];
extern size_t frame_count;
extern void *tokens[4096];
extern size_t token_count;

// As at the start: one core, memory enough, no timer, nothing kept.
void fake_driver_reset(void);
// Turns the clock to the pending timer's deadline and expires it.
void expire_timer(void);
// The device registered last, or NULL.
struct net_device *last_net(void);
// The network layer's part of a device, and its end: all buffers go back.
void keep_frame(struct net_device *device, struct net_rx_buffer *frame);
void keep_token(struct net_device *device, void *token);
void release_frames(struct net_device *net);
// Tokens 1 to `last` came back, each once.
void expect_tokens_to(uintptr_t last);
// A device that is shut off does nothing any more; all that it lent goes back to it.
void expect_silence(struct net_device *net);
