// SPDX-License-Identifier: MIT
// What is looked after beside the frames: the link, losses, interrupts that do not come.
#pragma once

#include "drivers/e1000_pair.h"

// Reads the link and what the card lost, for all pairs. Context: core 0, with the first pair.
void e1000_watch_card(struct e1000_pair *first);
// The link's interrupt came. Context: as above.
void e1000_watch_link_changed(struct e1000_pair *first);
// Frames are there though the interrupt armed for them did not come: waits a moment for it, counts
// it.
void e1000_watch_lost(struct e1000_pair *pair);
// Starts the timer that ends the halt which begins now.
void e1000_watch_halt(struct e1000_pair *pair, uint64_t now_ns);
// That timer has expired.
void e1000_watch_expired(struct timer *timer);
