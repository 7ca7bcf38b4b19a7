// SPDX-License-Identifier: MIT
// What is looked after beside the frames: the link, what the card lost, interrupts that do not
// come, frames that are not sent, and when to look for any of it.
//
// The 82574 has MSI-X: it is armed before the core halts. The 82540EM has only the INTx pin. Where
// that leads is said by firmware's byte code (ACPI _PRT), which is not interpreted here, so a timer
// looks at its rings, in memory: a quarter of the time since the last traffic later, between 50 us
// and 10 ms. So a frame waits a quarter longer than the card was silent, 10 ms at most, and an idle
// machine wakes up 100 times a second for a thousand instructions.
// Spec: as in e1000_registers.h.
#include "drivers/e1000_watch.h"

#include "kernel/cpu.h"
#include "kernel/log.h"

#define LOOK_NS_MIN     (50 * NS_PER_US)
#define LOOK_NS_MAX     (10 * NS_PER_MS)
#define CHECK_NS        (500 * NS_PER_MS)  // between looks at the card's registers
#define TX_STUCK_NS     (5000 * NS_PER_MS) // pause frames cannot hold it: they are not obeyed
#define LOST_AFTER_NS   (1 * NS_PER_MS)    // armed for less: the interrupt may be on its way
#define LOST_CONFIRM_NS (100 * NS_PER_US)

static void check_link(struct e1000_pair *self)
{
    struct e1000 *owner = self->owner;
    uint32_t status;
    if (!e1000_card_status(&owner->card, &status)) {
        e1000_pair_shut_off(self, "its registers read as nothing but ones", status);
        return;
    }
    for (unsigned i = 0; i < owner->device_count; i++)
        owner->devices[i]->link_up = e1000_is_up(status);
}

void e1000_watch_card(struct e1000_pair *self)
{
    self->owner->checked_ns = time_now_ns();
    check_link(self);
    if (e1000_pair_is_shut_off(self))
        return;
    struct e1000_losses losses = e1000_card_losses(&self->owner->card);
    self->net.stats.rx_dropped += losses.missed;
    self->net.stats.rx_errors += losses.damaged;
}

void e1000_watch_link_changed(struct e1000_pair *self)
{
    self->unmasked &= ~E1000_CAUSES_OTHER;
    // Before the look at what it was: a change after that look is told anew.
    e1000_card_acknowledge(&self->owner->card, E1000_CAUSES_OTHER);
    check_link(self);
}

// Frames that the card was given long ago are not sent. Without a link it keeps them.
static void check_tx(struct e1000_pair *self, uint64_t now_ns)
{
    bool waited = self->tx_waits && self->tx.taken == self->tx_waits_at;
    self->tx_waits = e1000_tx_in_flight(&self->tx) > 0 && self->net.link_up;
    if (!self->tx_waits)
        return;
    self->had_traffic |= self->owner->card.has_interrupts; // there are looks until it is sent
    if (!waited) {
        self->tx_waits_at = self->tx.taken;
        self->tx_waits_since_ns = now_ns;
    }
    if (now_ns - self->tx_waits_since_ns < TX_STUCK_NS)
        return;
    check_link(self);
    uint32_t head = e1000_card_tx_head(&self->owner->card, self->number);
    if (head >= E1000_TX_SIZE)
        e1000_pair_shut_off(self, "its transmit head is out of range", head);
    else
        e1000_pair_shut_off(self, "it has not sent for 5 s; its transmit head is at", head);
}

// Frames are there though the interrupt armed for them did not come.
void e1000_watch_lost(struct e1000_pair *self)
{
    uint64_t now_ns = time_now_ns();
    if (now_ns - self->armed_ns < LOST_AFTER_NS)
        return;
    uint64_t deadline_ns = now_ns + LOST_CONFIRM_NS;
    while (time_now_ns() < deadline_ns) {
        if (atomic_load_explicit(&self->is_marked, memory_order_relaxed))
            return;
        cpu_pause();
    }
    self->unmasked &= ~e1000_pair_causes(self);
    if (self->net.stats.lost_interrupts++ == 0)
        log_warn("e1000: %s: an interrupt was lost; frames may wait up to 10 ms",
                 self->owner->card.name);
}

void e1000_watch_halt(struct e1000_pair *self, uint64_t now_ns)
{
    if (self->had_traffic)
        self->traffic_ns = now_ns;
    if (!self->owner->card.has_interrupts) {
        uint64_t wait_ns = (now_ns - self->traffic_ns) / 4;
        if (wait_ns < LOOK_NS_MIN || self->tx_is_full)
            wait_ns = LOOK_NS_MIN;
        if (wait_ns > LOOK_NS_MAX)
            wait_ns = LOOK_NS_MAX;
        timer_start(&self->look, now_ns + wait_ns);
    } else if (self->had_traffic && !self->look.pending) {
        timer_start(&self->look, now_ns + LOOK_NS_MAX);
    }
    self->had_traffic = false;
}

// Ending the halt makes poll() look at the rings.
void e1000_watch_expired(struct timer *timer)
{
    struct e1000_pair *self = CONTAINER_OF(timer, struct e1000_pair, look);
    uint64_t now_ns = time_now_ns();
    if (e1000_pair_is_first(self) && now_ns - self->owner->checked_ns >= CHECK_NS)
        e1000_watch_card(self);
    if (e1000_pair_is_shut_off(self))
        return;
    check_tx(self, now_ns);
}
