// SPDX-License-Identifier: MIT
// What the network is and did: net_facts() of net/net.h.
#include <string.h>

#include "kernel/core.h"
#include "net/address6.h"
#include "net/interface.h"
#include "net/ip4.h"
#include "net/ip6.h"
#include "net/net.h"
#include "net/relay.h"
#include "net/timers.h"

#include "lwip/dns.h"
#include "lwip/stats.h"

static void address_text(char text[NET_ADDRESS_TEXT_BYTES], const ip4_addr_t *address)
{
    ip4addr_ntoa_r(address, text, NET_ADDRESS_TEXT_BYTES);
}

static void add_protocol_counters(struct net_facts *out, const struct stats_ *of)
{
    out->tcp_received += of->tcp.recv;
    out->tcp_sent += of->tcp.xmit;
    out->udp_received += of->udp.recv;
    out->udp_sent += of->udp.xmit;
    out->icmp_received += of->icmp.recv + of->icmp6.recv;
    out->icmp_sent += of->icmp.xmit + of->icmp6.xmit;
    const struct stats_proto *layers[] = {&of->link,  &of->etharp, &of->ip,  &of->ip_frag,
                                          &of->icmp,  &of->ip6,    &of->nd6, &of->ip6_frag,
                                          &of->icmp6, &of->udp,    &of->tcp};
    for (size_t i = 0; i < ARRAY_COUNT(layers); i++) {
        out->checksum_errors += layers[i]->chkerr;
        out->length_errors += layers[i]->lenerr;
        out->protocol_errors += layers[i]->proterr;
        out->memory_errors += layers[i]->memerr;
    }
}

static void add_counters_of_card(unsigned core, unsigned card, struct net_facts *out)
{
    struct net_interface_stats stats = net_interface_stats_of(core, card);
    net_interface_add_frames(&out->frames, core, card);
    out->rx_copied += stats.rx_copied;
    out->rx_dropped += stats.rx_dropped;
    out->tx_coalesced += stats.tx_coalesced;
    out->tx_queue_full += stats.tx_queue_full;
    out->tx_failed += stats.tx_failed;
    out->rx_buffers_held += stats.rx_held;
    out->tx_buffers_held += stats.tx_held;
}

// What another core counts is read while it counts: a moment old at most.
static void add_counters_of(unsigned core, struct net_facts *out)
{
    if (net_interface_device_of(core, 0) == NULL)
        return;
    out->cores++;
    for (unsigned card = 0; card < net_card_count; card++)
        add_counters_of_card(core, card, out);
    struct net_relay_stats relay = net_relay_stats_of(core);
    out->relayed += relay.rx_given + relay.tx_given;
    out->told_to_all += relay.told_to_all;
    struct net_tcp_counts tcp = core == core_index() ? net_tcp_count() : net_tcp_counts_of(core);
    out->tcp_connections += tcp.connections;
    out->tcp_time_wait += tcp.time_wait;
    add_protocol_counters(out, core_local_of(core, &lwip_stats));
}

// The first card that has an address; without one the first.
static struct net_interface *first_with_address(void)
{
    for (unsigned card = 0; card < net_card_count; card++)
        if (!ip4_addr_isany_val(*netif_ip4_addr(&net_interface(card)->netif)))
            return net_interface(card);
    return net_interface(0);
}

bool net_facts(struct net_facts *out)
{
    memset(out, 0, sizeof(*out));
    if (net_card_count == 0)
        return false;
    const struct net_interface *interface = first_with_address();
    const struct netif *netif = &interface->netif;
    out->present = true;
    out->link_up = interface->device->link_up;
    out->by_dhcp = net_ip4_by_dhcp(interface->card);
    out->has_address = !ip4_addr_isany_val(*netif_ip4_addr(netif));
    memcpy(out->device, interface->device->name, sizeof(out->device));
    memcpy(out->mac, interface->device->mac, sizeof(out->mac));
    address_text(out->address, netif_ip4_addr(netif));
    out->prefix_bits = (uint8_t)net_ip4_prefix_bits(netif);
    out->mtu = netif->mtu;
    address_text(out->gateway, netif_ip4_gw(netif));
    if (net_ip6_address() != NULL)
        net_address6_text(out->address6, net_ip6_address());
    for (u8_t i = 0; i < NET_DNS_MAX; i++) {
        const ip_addr_t *server = dns_getserver(i);
        address_text(out->dns[i], IP_IS_V4(server) ? ip_2_ip4(server) : IP4_ADDR_ANY4);
    }
    for (unsigned core = 0; core < core_count(); core++)
        add_counters_of(core, out);
    return true;
}
