// SPDX-License-Identifier: MIT
// The cards of the e1000 family: finding out what one is, and a pair of queues for each core it can
// serve: the 82574 has two, the 82540EM one.
// Spec: as in e1000_registers.h.
#include "drivers/e1000.h"

#include <errno.h>
#include <stdio.h>

#include "drivers/e1000_queue.h"
#include "drivers/e1000_watch.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "smp/remote.h"

#define VENDOR_INTEL 0x8086
#define MTU          1500

static const struct e1000_model models[] = {
    {0x100e, "e1000", "82540EM", false, 60, 1u << 4, 8}, // EERD: SDM 13.4.4
    {0x10d3, "e1000e", "82574L", true, 17, 1u << 1, 2},  // 82574 10.2.2.4
};

INTERRUPT_CONTEXT static void other_interrupt(void *context)
{
    struct e1000 *self = context;
    // Pairs with poll() of this core: only the compiler could reorder.
    atomic_store_explicit(&self->other_marked, true, memory_order_relaxed);
}

static struct e1000_pair *queue_of(const struct e1000 *self, unsigned number)
{
    return CONTAINER_OF(self->devices[number], struct e1000_pair, net);
}

// ---- a pair for each core -----------------------------------------------------------------------

struct making {
    struct e1000 *owner;
    uint32_t number, queues;
    const struct net_device *facts;
    struct e1000_pair *made;
    const char *wrong;
};

static void make_here(void *argument)
{
    struct making *making = argument;
    making->wrong = e1000_pair_create(making->owner, making->number, making->queues, making->facts,
                                      &making->made);
    if (making->wrong == NULL)
        making->made->look.expired = e1000_watch_expired;
}

// Returns: NULL, or what is wrong with the first pair.
static const char *make_queues(struct e1000 *self, const struct net_device *facts)
{
    uint32_t queues = 0;
    for (unsigned core = 0; core < core_count(); core++)
        queues += core_is_online(core);
    if (!self->card.has_interrupts)
        queues = 1;
    if (queues > E1000_QUEUES_MAX)
        queues = E1000_QUEUES_MAX;
    for (unsigned core = 0; core < core_count() && self->device_count < queues; core++) {
        if (!core_is_online(core))
            continue;
        struct making making = {self, self->device_count, queues, facts, NULL, NULL};
        remote_call(core, make_here, &making);
        if (making.wrong != NULL && core == 0)
            return making.wrong;
        if (making.wrong != NULL) { // its queues stay unused: nothing is steered to them
            log_warn("e1000: %s: no queues for core %u: %s", self->card.name, core, making.wrong);
            break;
        }
        self->devices[self->device_count++] = &making.made->net;
    }
    for (unsigned i = 0; i < self->device_count; i++) {
        self->devices[i]->of_card = self->devices;
        self->devices[i]->of_card_count = self->device_count;
    }
    return NULL;
}

static int spread(struct net_device *device, unsigned count)
{
    struct e1000 *self = CONTAINER_OF(device, struct e1000_pair, net)->owner;
    ASSERT(device == self->devices[0] && count > 0 && count <= self->device_count);
    if (self->device_count == 1)
        return 0;
    if (e1000_card_is_shut_off(&self->card))
        return -EIO;
    e1000_card_spread(&self->card, count);
    log_info("e1000: %s: frames go to %u cores by hash (RSS)", self->card.name, count);
    return 0;
}

static const struct net_device_ops operations = {
    .transmit = e1000_queue_transmit,
    .poll = e1000_queue_poll,
    .flush = e1000_queue_flush,
    .arm = e1000_queue_arm,
    .rx_release = e1000_queue_rx_release,
    .spread = spread,
};

// ---- start --------------------------------------------------------------------------------------

// Returns: NULL, or why the card is not usable.
static const char *set_up(struct e1000 *self)
{
    struct e1000_card *card = &self->card;
    struct net_device facts = {.ops = &operations,
                               .mtu = MTU,
                               .checksum_offload = true,
                               .pci_address = pci_address(card->pci)};
    snprintf(facts.name, sizeof(facts.name), "%s", card->name);
    const char *wrong = e1000_card_reset(card);
    if (wrong != NULL)
        return wrong;
    const char *from_where = e1000_card_read_mac(card, facts.mac);
    if (from_where != NULL)
        log_warn("e1000: %s: its address is from %s", card->name, from_where);
    e1000_card_configure(card, facts.mac);
    if (e1000_card_set_interrupts(card) != 0 && card->model->is_82574)
        log_warn("e1000: %s: no MSI-X: a timer looks for frames", card->name);
    wrong = make_queues(self, &facts);
    if (wrong == NULL && card->has_interrupts &&
        e1000_card_route_other(card, other_interrupt, self) != 0)
        wrong = "its interrupts do not reach the core";
    if (wrong == NULL)
        e1000_card_start(card);
    return wrong;
}

static void destroy_here(void *argument)
{
    e1000_pair_destroy(argument);
}

static void undo(struct e1000 *self)
{
    for (unsigned i = 0; i < self->device_count; i++)
        remote_call(self->devices[i]->core, destroy_here, queue_of(self, i));
    heap_free(self);
}

static void flush_here(void *argument)
{
    struct net_device *net = argument;
    net->ops->flush(net);
}

static void announce(struct e1000 *self)
{
    e1000_watch_card(queue_of(self, 0));
    if (e1000_card_is_shut_off(&self->card))
        return;
    for (unsigned i = 0; i < self->device_count; i++) // the first receive buffers
        remote_call(self->devices[i]->core, flush_here, self->devices[i]);
    struct net_device *net = self->devices[0];
    const uint8_t *mac = net->mac;
    log_info("e1000: %s: %s, mac %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, link %s, %u pair%s of "
             "queues of %u and %u, %s",
             self->card.name, self->card.model->chip, mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5], net->mtu, net->link_up ? "up" : "down", self->device_count,
             self->device_count == 1 ? "" : "s", E1000_RX_SIZE, E1000_TX_SIZE,
             self->card.has_interrupts ? "MSI-X" : "looked at by a timer");
    net_device_register(net);
}

static void start(struct pci_device *pci, const struct e1000_model *model)
{
    struct e1000 *self = heap_alloc_zeroed(sizeof(*self));
    char place[PCI_NAME_BYTES];
    if (self == NULL) {
        log_warn("e1000: %s at %s: out of memory", model->name, pci_name(pci, place));
        return;
    }
    const char *wrong = e1000_card_open(&self->card, pci, model);
    if (wrong == NULL && (wrong = set_up(self)) != NULL)
        e1000_card_shut_off(&self->card);
    if (wrong == NULL) {
        announce(self);
        return;
    }
    log_warn("e1000: %s is not usable: %s", self->card.name, wrong);
    undo(self);
}

bool e1000_probe(struct pci_device *pci)
{
    for (size_t i = 0; i < ARRAY_COUNT(models); i++) {
        if (pci->vendor_id != VENDOR_INTEL || pci->device_id != models[i].device_id)
            continue;
        pci->driver = models[i].name;
        start(pci, &models[i]);
        return true;
    }
    return false;
}
