// SPDX-License-Identifier: MIT
#include "net/counters.h"

#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/device.h"
#include "net/half_open.h"
#include "net/icmp_errors.h"
#include "net/interface.h"
#include "net/orphan.h"
#include "net/relay.h"
#include "net/tcp_recovery.h"
#include "net/vlan.h"

#include "lwip/stats.h"

// ---- of each card -------------------------------------------------------------------------------

static uint64_t field(const void *structure, size_t offset)
{
    return *(const uint64_t *)((const char *)structure + offset);
}

// Whichever core asks: its own interface may have but a way to another core's queues.
static const struct net_device *first_device(unsigned card)
{
    const struct net_device *first = net_device_first();
    while (card-- > 0)
        first = first->next;
    return first;
}

static const char *device_name(unsigned card)
{
    return first_device(card)->name;
}

static unsigned device_count(void)
{
    return net_card_count;
}

// Of the card's queues that the core works with.
static uint64_t read_device(unsigned card, unsigned core, size_t offset)
{
    const struct net_device *first = first_device(card);
    if (first->of_card_count == 0)
        return first->core == core ? field(&first->stats, offset) : 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < first->of_card_count; i++)
        if (first->of_card[i]->core == core)
            sum += field(&first->of_card[i]->stats, offset);
    return sum;
}

static uint64_t read_netif(unsigned card, unsigned core, size_t offset)
{
    struct net_interface_stats stats = net_interface_stats_of(core, card);
    return field(&stats, offset);
}

static uint64_t read_other_vlans(unsigned card, unsigned core, size_t offset)
{
    (void)offset;
    return net_vlan_others_of(core, card);
}

#define ITEMS(name, read)                                                                          \
    static const struct counter_items name = {"device", device_count, device_name, read};          \
    static uint64_t sum_of_##name(unsigned core, size_t offset)                                    \
    {                                                                                              \
        uint64_t sum = 0;                                                                          \
        for (unsigned card = 0; card < net_card_count; card++)                                     \
            sum += read(card, core, offset);                                                       \
        return sum;                                                                                \
    }
ITEMS(devices, read_device)
ITEMS(netifs, read_netif)
ITEMS(other_vlans, read_other_vlans)

// ---- of each core's stack -----------------------------------------------------------------------

static uint64_t read_relay(unsigned core, size_t offset)
{
    struct net_relay_stats stats = net_relay_stats_of(core);
    return *(const uint64_t *)((const char *)&stats + offset);
}

static uint64_t read_icmp_errors(unsigned core, size_t offset)
{
    (void)offset;
    return net_icmp_errors_withheld_of(core);
}

static uint64_t read_half_open(unsigned core, size_t offset)
{
    struct net_half_open_stats stats = net_half_open_stats_of(core);
    return *(const uint64_t *)((const char *)&stats + offset);
}

static uint64_t read_orphans(unsigned core, size_t offset)
{
    struct net_orphan_stats stats = net_orphan_stats_of(core);
    return *(const uint64_t *)((const char *)&stats + offset);
}

static uint64_t read_recovery(unsigned core, size_t offset)
{
    struct net_recovery_stats stats = net_recovery_stats_of(core);
    return *(const uint64_t *)((const char *)&stats + offset);
}

// Of the TCP/IP stack's counters, which are of 32 bits, those at `offset` in each layer together.
static uint64_t read_layers(unsigned core, size_t offset)
{
    const struct stats_ *stats = core_local_of(core, &lwip_stats);
    const struct stats_proto *layers[] = {
        &stats->link, &stats->etharp,   &stats->ip,    &stats->ip_frag, &stats->icmp, &stats->ip6,
        &stats->nd6,  &stats->ip6_frag, &stats->icmp6, &stats->udp,     &stats->tcp};
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(layers); i++)
        sum += *(const STAT_COUNTER *)((const char *)layers[i] + offset);
    return sum;
}

static uint64_t read_stack(unsigned core, size_t offset)
{
    return *(const STAT_COUNTER *)((const char *)core_local_of(core, &lwip_stats) + offset);
}

// Whose drops are those of one reason only: a group that nobody here has joined.
static uint64_t read_igmp(unsigned core, size_t offset)
{
    (void)offset;
    const struct stats_igmp *igmp =
        &((const struct stats_ *)core_local_of(core, &lwip_stats))->igmp;
    return (uint64_t)igmp->drop + igmp->chkerr + igmp->lenerr + igmp->proterr;
}

#define IN_DEVICES(kind, field)                                                                    \
    kind, sum_of_devices, offsetof(struct net_device_stats, field), &devices
#define IN_NETIF(field)                                                                            \
    COUNTER_EVENTS, sum_of_netifs, offsetof(struct net_interface_stats, field), &netifs
#define IN_RELAY(field)     COUNTER_EVENTS, read_relay, offsetof(struct net_relay_stats, field), NULL
#define IN_HALF_OPEN(field) read_half_open, offsetof(struct net_half_open_stats, field), NULL
#define IN_RECOVERY(field)                                                                         \
    COUNTER_EVENTS, read_recovery, offsetof(struct net_recovery_stats, field), NULL
#define IN_ORPHANS(field) read_orphans, offsetof(struct net_orphan_stats, field), NULL
#define IN_LAYERS(field)  COUNTER_EVENTS, read_layers, offsetof(struct stats_proto, field), NULL
#define IN_STACK(layer, field)                                                                     \
    COUNTER_EVENTS, read_stack, offsetof(struct stats_, layer.field), NULL

static const struct counter rows[] = {
    {"network_received_frames", "Frames received.", IN_DEVICES(COUNTER_EVENTS, rx_frames)},
    {"network_received", "Size of frames received.", IN_DEVICES(COUNTER_BYTES, rx_bytes)},
    {"network_received_unwanted", "Frames dropped: no network ran.",
     IN_DEVICES(COUNTER_EVENTS, rx_dropped)},
    {"network_received_broken", "Frames dropped: of a size or kind that cannot be.",
     IN_DEVICES(COUNTER_EVENTS, rx_errors)},
    {"network_sent_frames", "Frames sent.", IN_DEVICES(COUNTER_EVENTS, tx_frames)},
    {"network_sent", "Size of frames sent.", IN_DEVICES(COUNTER_BYTES, tx_bytes)},
    {"network_sent_lost", "Frames dropped: the device was shut off.",
     IN_DEVICES(COUNTER_EVENTS, tx_dropped)},
    {"network_interrupts", "Interrupts of network devices.",
     IN_DEVICES(COUNTER_EVENTS, interrupts)},
    {"network_interrupts_lost", "Frames found without the interrupt they owed.",
     IN_DEVICES(COUNTER_EVENTS, lost_interrupts)},
    {"network_notifications", "Times a network device was told of work.",
     IN_DEVICES(COUNTER_EVENTS, notifications)},
    {"network_received_copied", "Frames copied: too many receive buffers were held.",
     IN_NETIF(rx_copied)},
    {"network_received_other_vlan", "Frames dropped: not of the VLAN of option vlan.",
     COUNTER_EVENTS, sum_of_other_vlans, 0, &other_vlans},
    {"network_received_no_room", "Frames dropped: too long, or no memory.", IN_NETIF(rx_dropped)},
    {"network_sent_copied", "Frames copied: in too many pieces.", IN_NETIF(tx_coalesced)},
    {"network_sent_queue_full", "Frames put off: the device's queue was full.",
     IN_NETIF(tx_queue_full)},
    {"network_sent_failed", "Frames dropped: refused by the device, or no memory.",
     IN_NETIF(tx_failed)},
    {"network_relayed_received_frames", "Frames received that were another core's.",
     IN_RELAY(rx_given)},
    {"network_relayed_sent_frames", "Frames that another core was to send.", IN_RELAY(tx_given)},
    {"network_relayed_copies", "Copies of frames that every core had to hear.",
     IN_RELAY(told_to_all)},
    {"network_dropped_checksum", "Packets dropped for their checksum.", IN_LAYERS(chkerr)},
    {"network_dropped_length", "Packets dropped for their length.", IN_LAYERS(lenerr)},
    {"network_dropped_memory", "Packets dropped or put off without memory.", IN_LAYERS(memerr)},
    {"network_dropped_route", "Packets dropped: no way to their address.", IN_LAYERS(rterr)},
    {"network_dropped_protocol", "Packets dropped: malformed, or of no known protocol.",
     IN_LAYERS(proterr)},
    {"network_dropped_options", "Packets dropped for their options.", IN_LAYERS(opterr)},
    {"network_dropped_other", "Packets dropped for another reason.", IN_LAYERS(err)},
    {"arp_dropped_packets", "Packets of all reasons that ARP dropped.", IN_STACK(etharp, drop)},
    {"neighbour_discovery_dropped_packets", "The same of neighbour discovery.",
     IN_STACK(nd6, drop)},
    {"ipv4_dropped_packets", "The same of IPv4.", IN_STACK(ip, drop)},
    {"ipv6_dropped_packets", "The same of IPv6.", IN_STACK(ip6, drop)},
    {"ipv4_dropped_fragments", "Fragments of IPv4 dropped: late, or without memory.",
     IN_STACK(ip_frag, drop)},
    {"ipv6_dropped_fragments", "The same of IPv6.", IN_STACK(ip6_frag, drop)},
    {"icmp_dropped_packets", "Packets that ICMP dropped.", IN_STACK(icmp, drop)},
    {"icmpv6_dropped_packets", "The same of ICMPv6.", IN_STACK(icmp6, drop)},
    {"icmp_dropped_errors", "Errors that a packet was not answered with: over 10 a second.",
     COUNTER_EVENTS, read_icmp_errors, 0, NULL},
    {"igmp_dropped_packets", "Packets of all reasons that IGMP dropped.", COUNTER_EVENTS, read_igmp,
     0, NULL},
    {"mld_dropped_packets", "The same of MLD.", IN_STACK(mld6, drop)},
    {"udp_dropped_datagrams", "Datagrams dropped: nobody at their port, or damaged.",
     IN_STACK(udp, drop)},
    {"tcp_dropped_segments", "Segments dropped: of no connection, or damaged.",
     IN_STACK(tcp, drop)},
    {"tcp_half_open", "Connections begun that the client has not confirmed.", GAUGE_COUNT,
     IN_HALF_OPEN(count)},
    {"tcp_half_open_dropped", "The oldest of them dropped to make room: a SYN flood.",
     COUNTER_EVENTS, IN_HALF_OPEN(dropped)},
    {"tcp_orphans", "Closed connections whose last bytes are not delivered.", GAUGE_COUNT,
     IN_ORPHANS(count)},
    {"tcp_orphans_dropped", "Of them, those given up: the peer took too little of it.",
     COUNTER_EVENTS, IN_ORPHANS(dropped)},
    {"tcp_resent_early_segments", "Segments sent again because later ones arrived.",
     IN_RECOVERY(resent_early)},
    {"tcp_resent_timeout_segments", "Segments sent again after a timeout.",
     IN_RECOVERY(resent_timeout)},
    {"tcp_timeouts", "Times that nothing came back for so long.", IN_RECOVERY(timeouts)},
    {"tcp_probes", "Segments sent to learn whether the last ones were lost.", IN_RECOVERY(probes)},
    {"tcp_resent_needless_segments", "Segments that peers say they got twice.",
     IN_RECOVERY(needless)},
    {"tcp_recoveries_undone", "Times that nothing had been lost after all.", IN_RECOVERY(undone)},
    {"ipv4_received_packets", "IPv4 packets received.", IN_STACK(ip, recv)},
    {"ipv4_sent_packets", "IPv4 packets sent.", IN_STACK(ip, xmit)},
    {"ipv6_received_packets", "IPv6 packets received.", IN_STACK(ip6, recv)},
    {"ipv6_sent_packets", "IPv6 packets sent.", IN_STACK(ip6, xmit)},
    {"tcp_received_segments", "TCP segments received.", IN_STACK(tcp, recv)},
    {"tcp_sent_segments", "TCP segments sent.", IN_STACK(tcp, xmit)},
    {"udp_received_datagrams", "UDP datagrams received.", IN_STACK(udp, recv)},
    {"udp_sent_datagrams", "UDP datagrams sent.", IN_STACK(udp, xmit)},
};

void net_counters_start(void)
{
    static struct counter_group group = {rows, ARRAY_COUNT(rows), NULL};
    counters_add(&group);
}
