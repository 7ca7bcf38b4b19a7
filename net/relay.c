// SPDX-License-Identifier: MIT
#include "net/relay.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "net/netif.h"
#include "smp/exchange.h"

#define TX_MAX     256 // frames that one core may have under way
#define TX_BATCH   32  // sent frames that their core hears of together
#define ARP_OPCODE 20  // offset in a frame, 2 bytes
#define ARP_REPLY  2

struct rx_trip { // in net_rx_buffer.travel; of a frame the first buffer's message travels
    struct exchange_message message;
    struct net_device *home; // NULL: is there
};
_Static_assert(offsetof(struct rx_trip, home) == 2 * sizeof(void *), "net_relay_release()");
_Static_assert(sizeof(struct rx_trip) == sizeof(((struct net_rx_buffer *)0)->travel),
               "a trip must fit into a receive buffer's words for it");

struct relay_device;

struct relay_tx {
    struct exchange_message message;
    struct relay_device *origin;
    void *token;           // the origin's
    struct relay_tx *next; // free, waiting or sent
    struct net_tx_frame frame;
};

struct relay_device {
    struct net_device net;
    struct net_device *hub;
    struct relay_tx *free;
    unsigned made;
};

struct frame_copy {
    struct exchange_message message;
    unsigned card;
    bool checksum_valid;
    uint32_t size_bytes;
    uint8_t bytes[];
};

static PERCORE struct net_relay_stats stats;
// Of the core that sends for others.
PERCORE struct net_relay_waiting net_relay_waiting[OPTION_CARDS_MAX];
static PERCORE struct relay_tx *sent;
static PERCORE unsigned sent_count;

struct net_relay_stats net_relay_stats_of(unsigned core)
{
    const struct net_relay_stats *of = core_local_of(core, &stats);
    return of == NULL ? (struct net_relay_stats){0} : *of;
}

// ---- received frames ----------------------------------------------------------------------------

static struct rx_trip *trip_of(struct net_rx_buffer *buffer)
{
    return (struct rx_trip *)buffer->travel;
}

static struct net_rx_buffer *traveller(struct exchange_message *message)
{
    return CONTAINER_OF((void *)message, struct net_rx_buffer, travel);
}

static void frame_arrived(struct exchange_message *message)
{
    struct net_rx_buffer *frame = traveller(message);
    stats.rx_taken++;
    net_netif_take(trip_of(frame)->home->card, frame);
}

void net_relay_frame(unsigned core, struct net_device *home, struct net_rx_buffer *frame)
{
    for (struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next)
        trip_of(buffer)->home = home;
    stats.rx_given++;
    trip_of(frame)->message.receive = frame_arrived;
    exchange_post(core, &trip_of(frame)->message);
}

static void buffer_came_home(struct exchange_message *message)
{
    struct net_rx_buffer *buffer = traveller(message);
    struct net_device *home = trip_of(buffer)->home;
    trip_of(buffer)->home = NULL;
    home->ops->rx_release(home, buffer);
    net_netif_touch();
}

void net_relay_send_home(struct net_rx_buffer *buffer)
{
    struct rx_trip *trip = trip_of(buffer);
    trip->message.receive = buffer_came_home;
    exchange_post(trip->home->core, &trip->message);
}

// ---- copies -------------------------------------------------------------------------------------

static void copy_arrived(struct exchange_message *message)
{
    struct frame_copy *copy = CONTAINER_OF(message, struct frame_copy, message);
    net_netif_take_copy(copy->card, copy->bytes, copy->size_bytes, copy->checksum_valid);
    heap_free(copy); // goes home
}

void net_relay_copy(unsigned core, unsigned card, const struct net_rx_buffer *frame)
{
    uint32_t size_bytes = 0;
    for (const struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next)
        size_bytes += buffer->length;
    struct frame_copy *copy =
        size_bytes > UINT16_MAX ? NULL : heap_alloc(sizeof(*copy) + size_bytes);
    if (copy == NULL)
        return;
    stats.told_to_all++;
    copy->message.receive = copy_arrived;
    copy->card = card;
    copy->checksum_valid = frame->checksum_valid;
    copy->size_bytes = 0;
    for (; frame != NULL; frame = frame->next) {
        memcpy(copy->bytes + copy->size_bytes, frame->data, frame->length);
        copy->size_bytes += frame->length;
    }
    // The core it came to answers a question; the others only learn who asked.
    if (size_bytes > ARP_OPCODE + 1 && copy->bytes[12] == 0x08 && copy->bytes[13] == 0x06)
        copy->bytes[ARP_OPCODE + 1] = ARP_REPLY;
    exchange_post(core, &copy->message);
}

// ---- sent frames, on the core that sends for others ---------------------------------------------

static void tx_came_home(struct exchange_message *message)
{
    struct relay_tx *tx = CONTAINER_OF(message, struct relay_tx, message);
    struct relay_device *device = tx->origin;
    void *token = tx->token;
    tx->next = device->free;
    device->free = tx;
    device->net.transmitted(&device->net, token);
}

static void finish(struct relay_tx *tx)
{
    tx->next = sent;
    sent = tx;
    if (++sent_count >= TX_BATCH)
        net_relay_settle();
}

void net_relay_settle(void)
{
    while (sent != NULL) {
        struct relay_tx *tx = sent;
        sent = tx->next;
        tx->message.receive = tx_came_home;
        exchange_post(tx->origin->net.core, &tx->message);
    }
    sent_count = 0;
}

// Returns: false when the device's queue is full.
static bool send(struct relay_tx *tx)
{
    struct net_device *hub = tx->origin->hub;
    tx->frame.token = (void *)((uintptr_t)tx | NET_RELAY_TAG);
    int error = hub->ops->transmit(hub, &tx->frame);
    if (error == -ENOBUFS)
        return false;
    if (error != 0)
        finish(tx); // as good as sent: the card is gone
    net_netif_touch();
    return true;
}

static void tx_arrived(struct exchange_message *message)
{
    struct relay_tx *tx = CONTAINER_OF(message, struct relay_tx, message);
    struct net_relay_waiting *queue = &net_relay_waiting[tx->origin->hub->card];
    stats.tx_taken++;
    if (queue->first == NULL && send(tx))
        return;
    tx->next = NULL;
    if (queue->first == NULL)
        queue->end = &queue->first;
    *queue->end = tx;
    queue->end = &tx->next;
}

void net_relay_finish(void *token)
{
    finish((struct relay_tx *)((uintptr_t)token & ~(uintptr_t)NET_RELAY_TAG));
}

bool net_relay_send_again(unsigned card)
{
    struct net_relay_waiting *queue = &net_relay_waiting[card];
    while (queue->first != NULL) {
        struct relay_tx *tx = queue->first;
        queue->first = tx->next;
        if (!send(tx)) {
            queue->first = tx;
            return false;
        }
    }
    return true;
}

// ---- the device of a core without queues --------------------------------------------------------

static struct relay_tx *take_tx(struct relay_device *device)
{
    struct relay_tx *tx = device->free;
    if (tx != NULL) {
        device->free = tx->next;
        return tx;
    }
    if (device->made == TX_MAX || (tx = heap_alloc(sizeof(*tx))) == NULL)
        return NULL;
    device->made++;
    tx->origin = device;
    tx->message.receive = tx_arrived;
    return tx;
}

static int relay_transmit(struct net_device *net, const struct net_tx_frame *frame)
{
    struct relay_device *device = CONTAINER_OF(net, struct relay_device, net);
    struct relay_tx *tx = take_tx(device);
    if (tx == NULL)
        return -ENOBUFS;
    tx->message.receive = tx_arrived;
    tx->token = frame->token;
    tx->frame.segment_count = frame->segment_count;
    tx->frame.headroom_bytes = frame->headroom_bytes;
    tx->frame.checksum_needed = frame->checksum_needed;
    tx->frame.checksum_start = frame->checksum_start;
    tx->frame.checksum_offset = frame->checksum_offset;
    tx->frame.tso_mss = frame->tso_mss;
    tx->frame.tso_headers_bytes = frame->tso_headers_bytes;
    tx->frame.tso_is_ipv6 = frame->tso_is_ipv6;
    for (uint32_t i = 0; i < frame->segment_count; i++) {
        tx->frame.segments[i] = frame->segments[i];
        net->stats.tx_bytes += frame->segments[i].length;
    }
    net->stats.tx_frames++;
    stats.tx_given++;
    exchange_post(device->hub->core, &tx->message);
    return 0;
}

// Frames arrive as messages; all there is to see is the link.
static uint32_t relay_poll(struct net_device *net, uint32_t budget)
{
    (void)budget;
    net->link_up = CONTAINER_OF(net, struct relay_device, net)->hub->link_up;
    return 0;
}

static void relay_flush(struct net_device *net)
{
    (void)net;
    exchange_flush();
}

static bool relay_arm(struct net_device *net)
{
    (void)net;
    return false; // the exchange ends the halt
}

static void relay_rx_release(struct net_device *net, struct net_rx_buffer *buffer)
{
    (void)buffer;
    panic("net: a buffer came back to %s, which has none", net->name);
}

static const struct net_device_ops operations = {
    .transmit = relay_transmit,
    .poll = relay_poll,
    .flush = relay_flush,
    .arm = relay_arm,
    .rx_release = relay_rx_release,
};

struct net_device *net_relay_device(struct net_device *hub)
{
    struct relay_device *device = heap_alloc_zeroed(sizeof(*device));
    if (device == NULL)
        return NULL;
    device->hub = hub;
    device->net.ops = &operations;
    device->net.core = core_index();
    memcpy(device->net.name, hub->name, sizeof(device->net.name));
    memcpy(device->net.mac, hub->mac, sizeof(device->net.mac));
    device->net.card = hub->card;
    device->net.mtu = hub->mtu;
    device->net.link_up = hub->link_up;
    device->net.checksum_offload = hub->checksum_offload;
    device->net.tso4 = hub->tso4;
    device->net.tso6 = hub->tso6;
    return &device->net;
}
