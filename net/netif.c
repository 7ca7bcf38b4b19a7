// SPDX-License-Identifier: MIT
#include "net/netif.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/options.h"
#include "net/groups.h"
#include "net/ip4_input.h"
#include "net/neighbour.h"
#include "net/offload.h"
#include "net/relay.h"
#include "net/route.h"
#include "net/segments.h"
#include "net/spread.h"
#include "net/steer.h"
#include "net/tcp_acknowledge.h"
#include "net/timers.h"
#include "smp/exchange.h"

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "netif/ethernet.h"

#define POLL_BUDGET_FRAMES 64 // then what was answered is sent and the other work gets its turn
#define POLL_BUSY_FRAMES   8  // while so many were taken, others are likely to have come
// lwIP reads Ethernet's and ARP's or IP's header (14 + 28 or 40 bytes) before it looks at the
// length.
#define RX_READABLE_MIN 54
#define IPV4_MTU_MIN    576 // what every host must take, RFC 791; DHCP needs it
#define ETHERNET_MTU    1500

struct rx_pbuf { // lives in net_rx_buffer.user
    struct pbuf_custom custom;
    struct net_rx_buffer *buffer;
    struct net_interface *interface;
};
_Static_assert(sizeof(struct rx_pbuf) <= sizeof(((struct net_rx_buffer *)0)->user),
               "a pbuf must fit into a receive buffer's user words");

OPTION_NUMBER_OF_CARD(mtu, IPV4_MTU_MIN, UINT16_MAX, "bytes of payload that frames carry at most");

static PERCORE bool flush_needed; // frames were queued or buffers given back since the last flush

// ---- receive ------------------------------------------------------------------------------------

static void release_buffer(struct net_interface *interface, struct net_rx_buffer *buffer)
{
    if (net_relay_release(buffer))
        return;
    flush_needed = true;
    interface->device->ops->rx_release(interface->device, buffer);
}

static void release_frame(struct net_interface *interface, struct net_rx_buffer *frame)
{
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        release_buffer(interface, frame);
        frame = next;
    }
}

static void rx_pbuf_freed(struct pbuf *pbuf)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)pbuf;
    rx->interface->stats.rx_held--;
    release_buffer(rx->interface, rx->buffer);
}

// A pbuf that is the buffer, as pbuf_alloced_custom() makes it. PBUF_ROM in lwIP's terms: the
// payload is not behind the struct, and it stays as it is until the pbuf is freed.
static struct pbuf *wrap_buffer(struct net_interface *interface, struct net_rx_buffer *buffer)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)buffer->user;
    rx->buffer = buffer;
    rx->interface = interface;
    rx->custom.custom_free_function = rx_pbuf_freed;
    rx->custom.pbuf = (struct pbuf){.payload = buffer->data,
                                    .tot_len = (u16_t)buffer->length,
                                    .len = (u16_t)buffer->length,
                                    .type_internal = PBUF_ROM,
                                    .flags = PBUF_FLAG_IS_CUSTOM,
                                    .ref = 1,
                                    .if_idx = NETIF_NO_INDEX};
    interface->stats.rx_held++;
    return &rx->custom.pbuf;
}

// The same as pbuf_cat() for each buffer, in one pass: a large frame has 33.
static struct pbuf *wrap_frame(struct net_interface *interface, struct net_rx_buffer *frame,
                               u16_t size_bytes)
{
    struct net_rx_buffer *rest = frame->next;
    struct pbuf *head = wrap_buffer(interface, frame), *last = head;
    head->tot_len = size_bytes; // from here to the frame's end
    while (rest != NULL) {
        struct net_rx_buffer *next = rest->next;
        size_bytes = (u16_t)(size_bytes - last->len);
        last->next = wrap_buffer(interface, rest);
        last = last->next;
        last->tot_len = size_bytes;
        rest = next;
    }
    return head;
}

// One piece of which at least RX_READABLE_MIN bytes can be read, zeros behind what was received.
static struct pbuf *copy_frame(struct net_interface *interface, struct net_rx_buffer *frame,
                               u16_t size_bytes)
{
    u16_t readable_bytes = LWIP_MAX(size_bytes, RX_READABLE_MIN);
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, readable_bytes, PBUF_RAM);
    if (copy != NULL) {
        uint8_t *to = copy->payload;
        for (struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next) {
            memcpy(to, buffer->data, buffer->length);
            to += buffer->length;
        }
        memset(to, 0, (size_t)(readable_bytes - size_bytes));
        pbuf_realloc(copy, size_bytes);
        interface->stats.rx_copied++;
    }
    release_frame(interface, frame);
    return copy;
}

// What the device says of a fragment is not about the datagram it will be part of.
static bool is_about_whole(const struct pbuf *frame)
{
    if (frame->len < SIZEOF_ETH_HDR + IP_HLEN)
        return false;
    const struct eth_hdr *ethernet = frame->payload;
    if (ethernet->type == PP_HTONS(ETHTYPE_IP)) {
        const struct ip_hdr *ip = (const struct ip_hdr *)(ethernet + 1);
        return (IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) == 0;
    }
    const struct ip6_hdr *ip6 = (const struct ip6_hdr *)(ethernet + 1);
    return ethernet->type == PP_HTONS(ETHTYPE_IPV6) &&
           (IP6H_NEXTH(ip6) == IP6_NEXTH_TCP || IP6H_NEXTH(ip6) == IP6_NEXTH_UDP);
}

static void give_to_stack(struct net_interface *interface, struct pbuf *frame, bool checksum_valid)
{
    net_neighbour_forget(); // it may be ARP's
    net_offload_heed(&interface->netif, checksum_valid && is_about_whole(frame));
    if (ethernet_input(frame, &interface->netif) != ERR_OK)
        pbuf_free(frame);
}

// A frame in several buffers, or one that is to be copied. Returns: NULL if it was dropped.
static __attribute__((noinline)) struct pbuf *take_pieces(struct net_interface *interface,
                                                          struct net_rx_buffer *frame, bool wraps)
{
    uint64_t size_bytes = 0;
    struct pbuf *pbuf = NULL;
    for (struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next)
        size_bytes += buffer->length;
    if (size_bytes > UINT16_MAX)
        release_frame(interface, frame);
    else
        pbuf = wraps ? wrap_frame(interface, frame, (u16_t)size_bytes)
                     : copy_frame(interface, frame, (u16_t)size_bytes);
    if (pbuf == NULL)
        interface->stats.rx_dropped++;
    return pbuf;
}

static void take(struct net_interface *interface, struct net_rx_buffer *frame)
{
    net_timers_traffic();
    bool wraps =
        frame->length >= RX_READABLE_MIN && interface->stats.rx_held < interface->rx_held_max;
    bool checksum_valid = frame->checksum_valid;
    struct pbuf *pbuf = wraps && frame->next == NULL && frame->length <= UINT16_MAX
                            ? wrap_buffer(interface, frame)
                            : take_pieces(interface, frame, wraps);
    if (pbuf == NULL)
        return;
    LINK_STATS_INC(link.recv);
    if (!net_ip4_input(pbuf, &interface->netif, checksum_valid))
        give_to_stack(interface, pbuf, checksum_valid);
}

void net_netif_take(unsigned card, struct net_rx_buffer *frame)
{
    take(net_interface(card), frame);
}

void net_netif_take_copy(unsigned card, const uint8_t *bytes, uint32_t size_bytes,
                         bool checksum_valid)
{
    struct net_interface *interface = net_interface(card);
    net_timers_traffic();
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)size_bytes, PBUF_RAM);
    if (pbuf == NULL) {
        interface->stats.rx_dropped++;
        return;
    }
    pbuf_take(pbuf, bytes, (u16_t)size_bytes);
    give_to_stack(interface, pbuf, checksum_valid);
}

static void tell_others(unsigned card, const struct net_rx_buffer *frame, bool only_in_groups)
{
    for (unsigned i = 0; i < net_spread_count; i++)
        if (i != net_position && (!only_in_groups || net_groups_on(net_spread_core(i))))
            net_relay_copy(net_spread_core(i), card, frame);
}

// Returns: true if the frame went to another core.
static bool steer(const struct net_interface *interface, struct net_rx_buffer *frame)
{
    unsigned position = net_steer(interface->map, net_position, frame->data, frame->length);
    if (position == NET_STEER_ALL || position == NET_STEER_GROUP)
        tell_others(interface->card, frame, position == NET_STEER_GROUP);
    else if (position != net_position) {
        net_relay_frame(net_spread_core(position), interface->device, frame);
        return true;
    }
    return false;
}

static void frame_received(struct net_device *device, struct net_rx_buffer *frame)
{
    struct net_interface *interface = device->user;
    if (net_spread_count <= 1 || net_steer_is_own(interface->map, frame->data, frame->length) ||
        !steer(interface, frame))
        take(interface, frame);
}

// ---- transmit -----------------------------------------------------------------------------------

// What lies between a pbuf and its payload was room for headers. Of other kinds of pbufs it may be
// anything.
static uint32_t headroom_of(const struct pbuf *pbuf)
{
    if ((pbuf->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) == 0)
        return 0;
    return (uint32_t)((uintptr_t)pbuf->payload - (uintptr_t)(pbuf + 1));
}

// Returns: false if the pbuf is in more pieces than a frame can have.
static bool list_segments(const struct pbuf *pbuf, struct net_tx_frame *frame)
{
    uint32_t count = 0;
    frame->headroom_bytes = pbuf->len > 0 ? headroom_of(pbuf) : 0;
    if (__builtin_expect(pbuf->next == NULL, 1)) {
        frame->segments[0].data = pbuf->payload;
        frame->segments[0].length = pbuf->len;
        frame->segment_count = 1;
        return true;
    }
    for (; pbuf != NULL; pbuf = pbuf->next) {
        if (pbuf->len == 0)
            continue;
        if (count == NET_TX_SEGMENTS_MAX - NET_TX_SEGMENTS_OF_TAG)
            return false;
        frame->segments[count].data = pbuf->payload;
        frame->segments[count].length = pbuf->len;
        count++;
    }
    frame->segment_count = count;
    return true;
}

// Gives the frame to the device, which holds one reference of `pbuf` until it was sent.
static inline err_t transmit(struct net_interface *interface, struct pbuf *pbuf,
                             struct net_tx_frame *frame)
{
    frame->token = pbuf;
    int result = interface->device->ops->transmit(interface->device, frame);
    if (result == 0) {
        pbuf->ref++; // as pbuf_ref(), without the call
        interface->stats.tx_held++;
        flush_needed = true;
        LINK_STATS_INC(link.xmit);
        return ERR_OK;
    }
    LINK_STATS_INC(link.drop);
    if (result == -ENOBUFS) {
        interface->tx_queue_full = true;
        interface->tx_reaped = false;
        interface->stats.tx_queue_full++;
        return ERR_MEM; // TCP tries again when there is room
    }
    interface->stats.tx_failed++;
    return ERR_IF;
}

// A pbuf in more pieces than a frame can have.
static __attribute__((noinline)) err_t transmit_copy(struct net_interface *interface,
                                                     struct pbuf *pbuf, struct net_tx_frame *frame)
{
    struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
    if (copy == NULL) {
        interface->stats.tx_failed++;
        return ERR_MEM;
    }
    interface->stats.tx_coalesced++;
    bool fits = list_segments(copy, frame);
    LWIP_ASSERT("a copy is one piece", fits);
    err_t result = transmit(interface, copy, frame);
    pbuf_free(copy);
    return result;
}

static err_t frame_output(struct netif *netif, struct pbuf *pbuf)
{
    struct net_interface *interface = CONTAINER_OF(netif, struct net_interface, netif);
    struct net_tx_frame frame;
    frame.checksum_needed = false;
    frame.checksum_start = 0;
    frame.checksum_offset = 0;
    frame.tso_mss = 0;
    if (interface->device->checksum_offload)
        net_offload_ask(interface->device, netif, pbuf, &frame);
    if (list_segments(pbuf, &frame))
        return transmit(interface, pbuf, &frame);
    return transmit_copy(interface, pbuf, &frame);
}

static void frame_transmitted(struct net_device *device, void *token)
{
    struct net_interface *interface = device->user;
    interface->tx_reaped = true;
    if (net_relay_sent(token))
        return;
    interface->stats.tx_held--;
    pbuf_free(token);
}

// ---- the interface ------------------------------------------------------------------------------

static err_t interface_init(struct netif *netif)
{
    struct net_device *device = netif->state;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, device->mac, ETH_HWADDR_LEN);
    netif->mtu = (u16_t)option_get_number_of_card("mtu", device->card, device->mtu, IPV4_MTU_MIN,
                                                  UINT16_MAX);
    if (netif->mtu > device->mtu && device->mtu >= IPV4_MTU_MIN) {
        log_warn("net: %s carries %u bytes a frame, not %u as option mtu says", device->name,
                 (unsigned)device->mtu, (unsigned)netif->mtu);
        netif->mtu = device->mtu;
    }
    if (device->mtu < IPV4_MTU_MIN) {
        log_warn("net: %s says frames carry at most %u bytes, IPv4 needs %u: %u are used",
                 device->name, (unsigned)device->mtu, IPV4_MTU_MIN, ETHERNET_MTU);
        netif->mtu = ETHERNET_MTU;
    }
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
    netif->output = net_neighbour_output;
    netif->output_ip6 = net_route_output6;
    netif->linkoutput = frame_output;
    if (device->checksum_offload)
        netif->chksum_flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    net_segments_allow(device->tso4 && device->tso6);
    return ERR_OK;
}

static void follow_link(struct net_interface *interface)
{
    bool up = interface->device->link_up;
    if (up == (bool)netif_is_link_up(&interface->netif))
        return;
    log_info("net: %s: link %s", interface->device->name, up ? "up" : "down");
    if (up)
        netif_set_link_up(&interface->netif);
    else
        netif_set_link_down(&interface->netif);
    net_route_changed();
}

void net_netif_touch(void)
{
    flush_needed = true;
}

struct netif *net_netif_start(struct net_device *device)
{
    struct net_interface *interface = net_interface_add(device);
    interface->map = &net_spread_maps[device->card];
    device->user = interface;
    device->received = frame_received;
    device->transmitted = frame_transmitted;
    struct netif *netif =
        netif_add(&interface->netif, NULL, NULL, NULL, device, interface_init, ethernet_input);
    LWIP_ASSERT("netif_add works for a new interface", netif != NULL);
    net_groups_start(netif);
    if (device->card == 0)
        netif_set_default(netif);
    if (device->link_up)
        netif_set_link_up(netif);
    flush_needed = true; // the device's first buffers
    return netif;
}

// There is room in the device's queue.
static void send_again(struct net_interface *interface)
{
    if (!net_relay_send_waiting(interface->card) || !interface->tx_queue_full)
        return;
    interface->tx_queue_full = false;
    tcp_txnow();
}

// Returns: how many frames came in.
static uint32_t poll(struct net_interface *interface)
{
    uint32_t frames = interface->device->ops->poll(interface->device, POLL_BUDGET_FRAMES);
    follow_link(interface);
    if (interface->tx_reaped) {
        interface->tx_reaped = false;
        send_again(interface);
    }
    return frames;
}

// The batch is at its end.
static inline void flush(void)
{
    net_acknowledge_now();
    if (flush_needed) {
        flush_needed = false;
        net_timers_traffic();
        for (struct net_interface *each = net_interfaces; each < net_interfaces_end; each++)
            each->device->ops->flush(each->device);
    }
}

bool net_netif_poll(void)
{
    uint32_t frames = 0;
    for (struct net_interface *each = net_interfaces; each < net_interfaces_end; each++)
        frames += poll(each);
    flush();
    exchange_flush();
    return frames >= POLL_BUSY_FRAMES;
}

bool net_netif_arm(void)
{
    bool has_work = false;
    flush();
    net_relay_settle();
    exchange_flush(); // comes after the exchange's own arm()
    for (struct net_interface *each = net_interfaces; each < net_interfaces_end; each++)
        has_work |= each->device->ops->arm(each->device); // a full queue's tells of room
    return has_work;
}
