// SPDX-License-Identifier: MIT
#include "net/netif.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/options.h"
#include "net/groups.h"
#include "net/ip4_header.h"
#include "net/ip4_input.h"
#include "net/neighbour.h"
#include "net/relay.h"
#include "net/segments.h"
#include "net/spread.h"
#include "net/steer.h"
#include "net/tcp_acknowledge.h"
#include "net/timers.h"
#include "smp/exchange.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "netif/ethernet.h"

#define POLL_BUDGET_FRAMES 64 // then what was answered is sent and the other work gets its turn
#define POLL_BUSY_FRAMES   8  // while so many were taken, others are likely to have come
// Receive buffers lwIP and the app may hold. Beyond, frames are copied and their buffers go back at
// once, so that a reader that stops reading cannot keep the device from receiving.
#define RX_HELD_MAX 64
// lwIP reads Ethernet's and ARP's or IP's header (14 + 28 or 40 bytes) before it looks at the
// length.
#define RX_READABLE_MIN     54
#define IPV4_MTU_MIN        576 // what every host must take, RFC 791; DHCP needs it
#define ETHERNET_MTU        1500
#define TSO_MSS_ALWAYS      536 // what every peer takes, RFC 9293 section 3.7.1
#define TSO_FRAME_BYTES_MIN (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN + TSO_MSS_ALWAYS)

struct rx_pbuf { // lives in net_rx_buffer.user
    struct pbuf_custom custom;
    struct net_rx_buffer *buffer;
};
_Static_assert(sizeof(struct rx_pbuf) <= sizeof(((struct net_rx_buffer *)0)->user),
               "a pbuf must fit into a receive buffer's user words");

OPTION_NUMBER(mtu, IPV4_MTU_MIN, UINT16_MAX, "bytes of payload that frames carry at most");

static PERCORE struct {
    struct net_device *device;
    struct netif netif;
    uint32_t rx_held_max;
    bool flush_needed;  // frames were queued or buffers given back since the last flush
    bool tx_queue_full; // a frame was turned away, connections wait to send again
    bool tx_reaped;     // since then there is room
    struct net_netif_stats stats;
} state;

// ---- receive ------------------------------------------------------------------------------------

static void release_buffer(struct net_rx_buffer *buffer)
{
    if (net_relay_release(buffer))
        return;
    state.flush_needed = true;
    state.device->ops->rx_release(state.device, buffer);
}

static void release_frame(struct net_rx_buffer *frame)
{
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        release_buffer(frame);
        frame = next;
    }
}

static void rx_pbuf_freed(struct pbuf *pbuf)
{
    state.stats.rx_held--;
    release_buffer(((struct rx_pbuf *)pbuf)->buffer);
}

// A pbuf that is the buffer. PBUF_ROM in lwIP's terms: the payload is not behind the struct, and it
// stays as it is until the pbuf is freed.
static struct pbuf *wrap_buffer(struct net_rx_buffer *buffer)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)buffer->user;
    rx->buffer = buffer;
    rx->custom.custom_free_function = rx_pbuf_freed;
    state.stats.rx_held++;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)buffer->length, PBUF_ROM, &rx->custom, buffer->data,
                               (u16_t)buffer->length);
}

// The same as pbuf_cat() for each buffer, in one pass: a large frame has 33.
static struct pbuf *wrap_frame(struct net_rx_buffer *frame, u16_t size_bytes)
{
    struct net_rx_buffer *rest = frame->next;
    struct pbuf *head = wrap_buffer(frame), *last = head;
    head->tot_len = size_bytes; // from here to the frame's end
    while (rest != NULL) {
        struct net_rx_buffer *next = rest->next;
        size_bytes = (u16_t)(size_bytes - last->len);
        last->next = wrap_buffer(rest);
        last = last->next;
        last->tot_len = size_bytes;
        rest = next;
    }
    return head;
}

// One piece of which at least RX_READABLE_MIN bytes can be read, zeros behind what was received.
static struct pbuf *copy_frame(struct net_rx_buffer *frame, u16_t size_bytes)
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
        state.stats.rx_copied++;
    }
    release_frame(frame);
    return copy;
}

// What the device says of a fragment is not about the datagram it will be part of.
static bool checksum_is_vouched(const uint8_t *bytes, uint32_t length, bool checksum_valid)
{
    if (!checksum_valid || length < SIZEOF_ETH_HDR + IP_HLEN)
        return false;
    const struct eth_hdr *ethernet = (const struct eth_hdr *)bytes;
    if (ethernet->type == PP_HTONS(ETHTYPE_IP)) {
        const struct ip_hdr *ip = (const struct ip_hdr *)(bytes + SIZEOF_ETH_HDR);
        return (IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) == 0;
    }
    const struct ip6_hdr *ip6 = (const struct ip6_hdr *)(bytes + SIZEOF_ETH_HDR);
    return ethernet->type == PP_HTONS(ETHTYPE_IPV6) &&
           (IP6H_NEXTH(ip6) == IP6_NEXTH_TCP || IP6H_NEXTH(ip6) == IP6_NEXTH_UDP);
}

static void heed_checksum(const uint8_t *bytes, uint32_t length, bool checksum_valid)
{
    u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    if (checksum_is_vouched(bytes, length, checksum_valid))
        state.netif.chksum_flags &= (u16_t)~checks;
    else
        state.netif.chksum_flags |= checks;
}

void net_netif_take(struct net_rx_buffer *frame)
{
    net_timers_traffic();
    uint64_t size_bytes = 0;
    for (struct net_rx_buffer *buffer = frame; buffer != NULL; buffer = buffer->next)
        size_bytes += buffer->length;
    if (size_bytes > UINT16_MAX) {
        state.stats.rx_dropped++;
        release_frame(frame);
        return;
    }
    heed_checksum(frame->data, frame->length, frame->checksum_valid);
    bool wraps = frame->length >= RX_READABLE_MIN && state.stats.rx_held < state.rx_held_max;
    struct pbuf *pbuf =
        wraps ? wrap_frame(frame, (u16_t)size_bytes) : copy_frame(frame, (u16_t)size_bytes);
    if (pbuf == NULL) {
        state.stats.rx_dropped++;
        return;
    }
    LINK_STATS_INC(link.recv);
    if (net_ip4_input(pbuf, &state.netif))
        return;
    net_neighbour_forget(); // it may be ARP's
    if (ethernet_input(pbuf, &state.netif) != ERR_OK)
        pbuf_free(pbuf);
}

void net_netif_take_copy(const uint8_t *bytes, uint32_t size_bytes, bool checksum_valid)
{
    net_timers_traffic();
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)size_bytes, PBUF_RAM);
    if (pbuf == NULL) {
        state.stats.rx_dropped++;
        return;
    }
    pbuf_take(pbuf, bytes, (u16_t)size_bytes);
    heed_checksum(bytes, size_bytes, checksum_valid);
    net_neighbour_forget();
    if (ethernet_input(pbuf, &state.netif) != ERR_OK)
        pbuf_free(pbuf);
}

static void tell_others(const struct net_rx_buffer *frame, bool only_in_groups)
{
    for (unsigned i = 0; i < net_spread_map.count; i++)
        if (i != net_position && (!only_in_groups || net_groups_on(net_spread_core(i))))
            net_relay_copy(net_spread_core(i), frame);
}

// Returns: true if the frame went to another core.
static bool steer(struct net_device *device, struct net_rx_buffer *frame)
{
    unsigned position = net_steer(&net_spread_map, net_position, frame->data, frame->length);
    if (position == NET_STEER_ALL || position == NET_STEER_GROUP)
        tell_others(frame, position == NET_STEER_GROUP);
    else if (position != net_position) {
        net_relay_frame(net_spread_core(position), device, frame);
        return true;
    }
    return false;
}

static void frame_received(struct net_device *device, struct net_rx_buffer *frame)
{
    net_relay_own(frame);
    if (net_spread_map.count <= 1 ||
        net_steer_is_own(&net_spread_map, frame->data, frame->length) || !steer(device, frame))
        net_netif_take(frame);
}

// ---- transmit -----------------------------------------------------------------------------------

// The sum of the pseudo header, folded, not inverted: what the device starts from.
static uint16_t pseudo_header_sum(const struct ip_hdr *ip, uint16_t payload_bytes)
{
    return net_ip4_fold((uint64_t)ip->src.addr + ip->dest.addr + lwip_htons(IPH_PROTO(ip)) +
                        lwip_htons(payload_bytes));
}

// Has the device cut a segment that is larger than the connection's maximum. lwIP leaves a hint
// from which the connection is found, but for what waited for its neighbour's address.
static void ask_for_segmentation(const struct pbuf *pbuf, struct net_tx_frame *frame,
                                 const struct tcp_hdr *tcp)
{
    bool is_ipv6 = ((struct eth_hdr *)pbuf->payload)->type == PP_HTONS(ETHTYPE_IPV6);
    u16_t mss = TSO_MSS_ALWAYS;
    if (state.netif.hints != NULL)
        mss = CONTAINER_OF(state.netif.hints, const struct tcp_pcb, netif_hints)->mss;
    u16_t headers_bytes = (u16_t)(frame->checksum_start + TCPH_HDRLEN_BYTES(tcp));
    if (pbuf->tot_len <= headers_bytes + mss ||
        !(is_ipv6 ? state.device->tso6 : state.device->tso4))
        return;
    frame->tso_mss = mss;
    frame->tso_headers_bytes = headers_bytes;
    frame->tso_is_ipv6 = is_ipv6;
}

static uint16_t pseudo_header_sum6(const struct ip6_hdr *ip)
{
    const uint8_t *words = (const uint8_t *)&ip->src; // then dest
    uint64_t sum = lwip_htons(IP6H_NEXTH(ip)) + (uint64_t)ip->_plen;
    for (int i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, words + 4 * i, sizeof(word));
        sum += word;
    }
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + sum);
}

// Asks the device for the checksum of a transport header at `start`, of which `sum` is known.
static void ask_for_sum(struct pbuf *pbuf, struct net_tx_frame *frame, uint16_t start,
                        uint8_t protocol, uint16_t sum)
{
    uint16_t field;
    if (protocol == IP_PROTO_TCP && pbuf->len >= start + TCP_HLEN)
        field = offsetof(struct tcp_hdr, chksum);
    else if (protocol == IP_PROTO_UDP && pbuf->len >= start + UDP_HLEN)
        field = offsetof(struct udp_hdr, chksum);
    else
        return;
    memcpy((uint8_t *)pbuf->payload + start + field, &sum, sizeof(sum));
    frame->checksum_needed = true;
    frame->checksum_start = start;
    frame->checksum_offset = field;
    if (pbuf->tot_len > TSO_FRAME_BYTES_MIN && protocol == IP_PROTO_TCP)
        ask_for_segmentation(pbuf, frame,
                             (const struct tcp_hdr *)((uint8_t *)pbuf->payload + start));
}

// Asks the device for the TCP or UDP checksum, which lwIP left out. lwIP writes link, network and
// transport header into one piece; a fragment's datagram has no checksum (UDP by IPv4) or carries
// its own. Spec: VIRTIO 1.2 section 5.1.6.2; RFC 9293 section 3.1 and RFC 8200 section 8.1 for the
// pseudo header.
static void ask_for_checksum(struct pbuf *pbuf, struct net_tx_frame *frame)
{
    uint8_t *start = pbuf->payload;
    if (pbuf->len < SIZEOF_ETH_HDR + IP_HLEN)
        return;
    struct ip_hdr *ip = (struct ip_hdr *)(start + SIZEOF_ETH_HDR);
    struct ip6_hdr *ip6 = (struct ip6_hdr *)(start + SIZEOF_ETH_HDR);
    if (((struct eth_hdr *)start)->type == PP_HTONS(ETHTYPE_IP)) {
        if ((IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0)
            return;
        uint16_t header_bytes = IPH_HL_BYTES(ip);
        ask_for_sum(pbuf, frame, SIZEOF_ETH_HDR + header_bytes, IPH_PROTO(ip),
                    pseudo_header_sum(ip, (uint16_t)(lwip_ntohs(IPH_LEN(ip)) - header_bytes)));
    } else if (((struct eth_hdr *)start)->type == PP_HTONS(ETHTYPE_IPV6) &&
               pbuf->len >= SIZEOF_ETH_HDR + IP6_HLEN) {
        ask_for_sum(pbuf, frame, SIZEOF_ETH_HDR + IP6_HLEN, IP6H_NEXTH(ip6),
                    pseudo_header_sum6(ip6));
    }
}

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
static inline err_t transmit(struct pbuf *pbuf, struct net_tx_frame *frame)
{
    frame->token = pbuf;
    int result = state.device->ops->transmit(state.device, frame);
    if (result == 0) {
        pbuf_ref(pbuf);
        state.stats.tx_held++;
        state.flush_needed = true;
        LINK_STATS_INC(link.xmit);
        return ERR_OK;
    }
    LINK_STATS_INC(link.drop);
    if (result == -ENOBUFS) {
        state.tx_queue_full = true;
        state.tx_reaped = false;
        state.stats.tx_queue_full++;
        return ERR_MEM; // TCP tries again when there is room
    }
    state.stats.tx_failed++;
    return ERR_IF;
}

// A pbuf in more pieces than a frame can have.
static __attribute__((noinline)) err_t transmit_copy(struct pbuf *pbuf, struct net_tx_frame *frame)
{
    struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
    if (copy == NULL) {
        state.stats.tx_failed++;
        return ERR_MEM;
    }
    state.stats.tx_coalesced++;
    bool fits = list_segments(copy, frame);
    LWIP_ASSERT("a copy is one piece", fits);
    err_t result = transmit(copy, frame);
    pbuf_free(copy);
    return result;
}

static err_t frame_output(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    struct net_tx_frame frame;
    frame.checksum_needed = false;
    frame.checksum_start = 0;
    frame.checksum_offset = 0;
    frame.tso_mss = 0;
    if (state.device->checksum_offload)
        ask_for_checksum(pbuf, &frame);
    if (list_segments(pbuf, &frame))
        return transmit(pbuf, &frame);
    return transmit_copy(pbuf, &frame);
}

static void frame_transmitted(struct net_device *device, void *token)
{
    (void)device;
    state.tx_reaped = true;
    if (net_relay_sent(token))
        return;
    state.stats.tx_held--;
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
    netif->mtu = (u16_t)option_get_number("mtu", device->mtu, IPV4_MTU_MIN, UINT16_MAX);
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
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = frame_output;
    if (device->checksum_offload)
        netif->chksum_flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    net_segments_allow(device->tso4 && device->tso6);
    return ERR_OK;
}

static void follow_link(void)
{
    bool up = state.device->link_up;
    if (up == (bool)netif_is_link_up(&state.netif))
        return;
    log_info("net: %s: link %s", state.device->name, up ? "up" : "down");
    if (up)
        netif_set_link_up(&state.netif);
    else
        netif_set_link_down(&state.netif);
}

static void flush(void)
{
    if (!state.flush_needed)
        return;
    state.flush_needed = false;
    net_timers_traffic();
    state.device->ops->flush(state.device);
}

void net_netif_share(unsigned cores)
{
    state.rx_held_max = LWIP_MAX(RX_HELD_MAX / cores, 4);
}

void net_netif_touch(void)
{
    state.flush_needed = true;
}

struct netif *net_netif_start(struct net_device *device)
{
    state.device = device;
    net_netif_share(1);
    device->received = frame_received;
    device->transmitted = frame_transmitted;
    struct netif *netif =
        netif_add(&state.netif, NULL, NULL, NULL, device, interface_init, ethernet_input);
    LWIP_ASSERT("netif_add works for a first interface", netif != NULL);
    net_groups_start(netif);
    netif_set_default(netif);
    if (device->link_up)
        netif_set_link_up(netif);
    state.flush_needed = true; // the device's first buffers
    return netif;
}

// There is room in the device's queue.
static void send_again(void)
{
    if (!net_relay_send_waiting() || !state.tx_queue_full)
        return;
    state.tx_queue_full = false;
    tcp_txnow();
}

bool net_netif_poll(void)
{
    uint32_t frames = state.device->ops->poll(state.device, POLL_BUDGET_FRAMES);
    follow_link();
    if (state.tx_reaped) {
        state.tx_reaped = false;
        send_again();
    }
    net_acknowledge_now();
    flush();
    exchange_flush();
    return frames >= POLL_BUSY_FRAMES;
}

bool net_netif_arm(void)
{
    net_acknowledge_now();
    flush();
    net_relay_settle();
    exchange_flush();                            // comes after the exchange's own arm()
    return state.device->ops->arm(state.device); // of a full queue too it tells when there is room
}

struct net_netif_stats net_netif_stats_of(unsigned core)
{
    const typeof(state) *of = core_local_of(core, &state);
    return of == NULL ? (struct net_netif_stats){0} : of->stats;
}
