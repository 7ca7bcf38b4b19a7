// SPDX-License-Identifier: MIT
#include "net/ip6.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "net/address6.h"
#include "net/dhcp6.h"
#include "net/dns_servers.h"
#include "net/hooks.h"
#include "net/interface.h"
#include "net/segments.h"
#include "net/spread.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/nd6.h"
#include "lwip/prot/udp.h"

OPTION_TEXT_OF_CARD(ip6, "auto, off, or ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS]");

#define MTU_MIN      1280 // RFC 8200 section 5
#define STATIC_INDEX 1    // of the address that option ip6 gives; 0 is link-local
#define FOR_EVER     UINT32_MAX

enum origin { LINK_LOCAL, ROUTER, OPTION, DHCP6 };

static PERCORE struct card {
    struct netif *netif;                      // NULL: no IPv6
    bool is_given;                            // option ip6 names an address
    uint8_t origins[LWIP_IPV6_NUM_ADDRESSES]; // of another core than 0: as it was told
    struct {
        ip6_addr_t address;
        bool is_valid, is_duplicate;
    } told[LWIP_IPV6_NUM_ADDRESSES];
} cards[NET_CARDS_MAX];

bool net_ip6_is_on(unsigned card)
{
    return cards[card].netif != NULL;
}

bool net_ip6_is_on_any(void)
{
    for (unsigned card = 0; card < net_card_count; card++)
        if (net_ip6_is_on(card))
            return true;
    return false;
}

const ip6_addr_t *net_ip6_address(void)
{
    for (unsigned card = 0; card < net_card_count; card++)
        for (int i = 1; net_ip6_is_on(card) && i < LWIP_IPV6_NUM_ADDRESSES; i++)
            if (ip6_addr_isvalid(netif_ip6_addr_state(cards[card].netif, i)))
                return netif_ip6_addr(cards[card].netif, i);
    return NULL;
}

static enum origin origin_of(const struct card *card, int index)
{
    if (net_position != 0)
        return card->origins[index];
    if (index == 0)
        return LINK_LOCAL;
    if (card->is_given && index == STATIC_INDEX)
        return OPTION;
    return net_dhcp6_gave(card->netif, netif_ip6_addr(card->netif, index)) ? DHCP6 : ROUTER;
}

const char *net_ip6_origin(unsigned card, int index)
{
    static const char *const texts[] = {[LINK_LOCAL] = "link-local",
                                        [ROUTER] = "router advertisement",
                                        [OPTION] = "option ip6",
                                        [DHCP6] = "DHCPv6"};
    return texts[origin_of(&cards[card], index)];
}

unsigned net_ip6_prefix_bits(unsigned card, int index)
{
    enum origin origin = origin_of(&cards[card], index);
    bool is_alone = origin == OPTION && !netif_ip6_addr_isstatic(cards[card].netif, index);
    return origin == DHCP6 || is_alone ? 128 : 64;
}

// ---- routers ------------------------------------------------------------------------------------

static struct nd6_neighbor_cache_entry *find_neighbor(const ip6_addr_t *address)
{
    struct nd6_neighbor_cache_entry *unused = NULL;
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        struct nd6_neighbor_cache_entry *entry = &neighbor_cache[i];
        if (entry->state == ND6_NO_ENTRY) {
            if (unused == NULL)
                unused = entry;
        } else if (ip6_addr_cmp(&entry->next_hop_address, address)) {
            return entry;
        }
    }
    return unused;
}

// Enters a router into lwIP's tables, unless it is there. `mac` is NULL when it is not known yet:
// it is asked for then.
static void add_router(struct netif *netif, const ip6_addr_t *address, const uint8_t *mac,
                       uint8_t flags, uint32_t lifetime_s)
{
    struct nd6_router_list_entry *router = NULL;
    for (int i = LWIP_ND6_NUM_ROUTERS - 1; i >= 0; i--) {
        struct nd6_neighbor_cache_entry *known = default_router_list[i].neighbor_entry;
        if (known == NULL)
            router = &default_router_list[i];
        else if (ip6_addr_cmp(&known->next_hop_address, address))
            return;
    }
    struct nd6_neighbor_cache_entry *neighbor = find_neighbor(address);
    if (router == NULL || neighbor == NULL)
        return;
    if (neighbor->state == ND6_NO_ENTRY) {
        ip6_addr_copy(neighbor->next_hop_address, *address);
        neighbor->netif = netif;
        neighbor->state = mac == NULL ? ND6_INCOMPLETE : ND6_STALE;
        if (mac != NULL)
            memcpy(neighbor->lladdr, mac, ETH_HWADDR_LEN);
        memset(&neighbor->counter, 0, sizeof(neighbor->counter));
    }
    neighbor->isrouter = 1;
    *router = (struct nd6_router_list_entry){neighbor, lifetime_s, flags};
}

static void add_prefix(struct netif *netif, const ip6_addr_t *prefix, uint32_t lifetime_s)
{
    struct nd6_prefix_list_entry *unused = NULL;
    for (int i = LWIP_ND6_NUM_PREFIXES - 1; i >= 0; i--) {
        if (prefix_list[i].netif == NULL)
            unused = &prefix_list[i];
        else if (prefix_list[i].netif == netif && ip6_addr_netcmp(&prefix_list[i].prefix, prefix))
            return;
    }
    if (unused != NULL)
        *unused = (struct nd6_prefix_list_entry){*prefix, netif, lifetime_s};
}

// One that does not answer any more is looked for anew, under whatever hardware address, and what
// went by it by another one if there is one. lwIP would ask the address that it knows, for ever.
// Spec: RFC 4861 sections 7.3.3 and 6.3.6.
static void give_up_on(struct nd6_neighbor_cache_entry *router)
{
    char text[NET_ADDRESS6_TEXT_BYTES];
    router->state = ND6_INCOMPLETE;
    router->counter.probes_sent = 0;
    for (int i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++)
        if (ip6_addr_cmp(&destination_cache[i].next_hop_addr, &router->next_hop_address))
            ip6_addr_set_any(&destination_cache[i].destination_addr);
    net_address6_text(text, &router->next_hop_address);
    log_warn("net: router %s does not answer core %u any more: looking for it", text, core_index());
}

static void watch_routers(void)
{
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
        if (neighbor_cache[i].state == ND6_PROBE && neighbor_cache[i].isrouter &&
            neighbor_cache[i].counter.probes_sent > LWIP_ND6_MAX_UNICAST_SOLICIT)
            give_up_on(&neighbor_cache[i]);
}

// ---- what core 0 tells --------------------------------------------------------------------------

void net_ip6_config(unsigned card, struct net_ip6_config *out)
{
    struct netif *netif = cards[card].netif;
    unsigned routers = 0, prefixes = 0;
    memset(out, 0, sizeof(*out));
    if (netif == NULL)
        return;
    out->mtu = netif_mtu6(netif);
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        out->addresses[i].state = netif_ip6_addr_state(netif, i);
        if (!ip6_addr_isvalid(out->addresses[i].state))
            continue;
        out->addresses[i].address = *netif_ip6_addr(netif, i);
        out->addresses[i].origin = origin_of(&cards[card], i);
        out->addresses[i].has_network = netif_ip6_addr_isstatic(netif, i);
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        const struct nd6_router_list_entry *router = &default_router_list[i];
        typeof(out->routers[0]) *told = &out->routers[routers];
        if (router->neighbor_entry == NULL || router->neighbor_entry->netif != netif)
            continue;
        routers++;
        told->address = router->neighbor_entry->next_hop_address;
        memcpy(told->mac, router->neighbor_entry->lladdr, ETH_HWADDR_LEN);
        told->has_mac = router->neighbor_entry->state != ND6_INCOMPLETE;
        told->flags = router->flags;
        told->lifetime_s = router->invalidation_timer;
    }
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (prefix_list[i].netif == netif) {
            out->prefixes[prefixes].prefix = prefix_list[i].prefix;
            out->prefixes[prefixes++].lifetime_s = prefix_list[i].invalidation_timer;
        }
}

static void take_addresses(struct card *card, const struct net_ip6_config *config)
{
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(config->addresses[i].state)) {
            netif_ip6_addr_set_state(card->netif, i, IP6_ADDR_INVALID);
            continue;
        }
        card->origins[i] = config->addresses[i].origin;
        netif_ip6_addr_set(card->netif, i, &config->addresses[i].address);
        // Core 0 says when it ends.
        uint32_t life = config->addresses[i].has_network ? IP6_ADDR_LIFE_STATIC : FOR_EVER;
        netif_ip6_addr_set_valid_life(card->netif, i, life);
        netif_ip6_addr_set_pref_life(card->netif, i, life);
        netif_ip6_addr_set_state(card->netif, i, config->addresses[i].state);
    }
}

void net_ip6_configure(unsigned card, const struct net_ip6_config *config)
{
    struct netif *netif = cards[card].netif;
    if (netif == NULL || config->mtu == 0)
        return;
    netif->mtu6 = config->mtu;
    take_addresses(&cards[card], config);
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (!ip6_addr_isany_val(config->routers[i].address))
            add_router(netif, &config->routers[i].address,
                       config->routers[i].has_mac ? config->routers[i].mac : NULL,
                       config->routers[i].flags, config->routers[i].lifetime_s);
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (!ip6_addr_isany_val(config->prefixes[i].prefix))
            add_prefix(netif, &config->prefixes[i].prefix, config->prefixes[i].lifetime_s);
}

// ---- the console --------------------------------------------------------------------------------

static void log_valid(const struct card *card, s8_t index)
{
    const unsigned number = net_card_of(card->netif);
    const struct net_device *device = card->netif->state;
    char address[NET_ADDRESS6_TEXT_BYTES], router[NET_ADDRESS6_TEXT_BYTES] = "",
                                           servers[NET_DNS_TEXT_BYTES];
    net_address6_text(address, netif_ip6_addr(card->netif, index));
    if (index == 0) {
        log_debug("net: %s on this link", address);
        return;
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS && router[0] == '\0'; i++) {
        const struct nd6_neighbor_cache_entry *known = default_router_list[i].neighbor_entry;
        if (known != NULL && known->netif == card->netif)
            net_address6_text(router, &known->next_hop_address);
    }
    net_dns_text(servers, IPADDR_TYPE_V6);
    log_info("net: %s/%u by %s, %s%s, %s%s%s%s", address, net_ip6_prefix_bits(number, index),
             net_ip6_origin(number, index), router[0] != '\0' ? "router " : "no router", router,
             servers[0] != '\0' ? "DNS " : "no DNS", servers, net_card_count > 1 ? ", " : "",
             net_card_count > 1 ? device->name : "");
}

void net_ip6_tell_changes(struct netif *netif)
{
    struct card *card = &cards[net_card_of(netif)];
    for (s8_t i = 0; card->netif != NULL && i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        uint8_t now = netif_ip6_addr_state(netif, i);
        const ip6_addr_t *address = netif_ip6_addr(netif, i);
        typeof(card->told[0]) *told = &card->told[i];
        char text[NET_ADDRESS6_TEXT_BYTES];
        if (told->is_valid && (!ip6_addr_isvalid(now) || !ip6_addr_cmp(&told->address, address))) {
            net_address6_text(text, &told->address);
            log_info("net: %s is no longer this machine's", text);
            told->is_valid = false;
        }
        if (ip6_addr_isvalid(now) && !told->is_valid)
            log_valid(card, i);
        if (ip6_addr_isduplicated(now) && !told->is_duplicate) {
            net_address6_text(text, address);
            log_warn("net: %s is another machine's already: it is not used", text);
            if (net_dhcp6_gave(netif, address))
                net_dhcp6_decline(netif);
        }
        told->is_valid = ip6_addr_isvalid(now);
        told->is_duplicate = ip6_addr_isduplicated(now);
        told->address = *address;
    }
}

// ---- addresses from elsewhere -------------------------------------------------------------------

bool net_ip6_add_address(struct netif *netif, const ip6_addr_t *address, uint32_t valid_s,
                         uint32_t preferred_s)
{
    s8_t index = netif_get_ip6_addr_match(netif, address);
    for (s8_t i = 1; index < 0 && i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isinvalid(netif_ip6_addr_state(netif, i)))
            index = i;
    if (index < 0)
        return false;
    netif_ip6_addr_set(netif, index, address);
    netif_ip6_addr_set_valid_life(netif, index, valid_s);
    netif_ip6_addr_set_pref_life(netif, index, preferred_s);
    if (ip6_addr_isinvalid(netif_ip6_addr_state(netif, index)))
        netif_ip6_addr_set_state(netif, index, IP6_ADDR_TENTATIVE);
    else if (ip6_addr_isdeprecated(netif_ip6_addr_state(netif, index)) && preferred_s > 0)
        netif_ip6_addr_set_state(netif, index, IP6_ADDR_PREFERRED);
    return true;
}

// Asks DHCPv6 servers where the routers of the card say so.
static void follow_routers(const struct card *card)
{
    uint8_t flags = 0;
    if (card->is_given || !ip6_addr_isvalid(netif_ip6_addr_state(card->netif, 0)))
        return;
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry != NULL &&
            default_router_list[i].neighbor_entry->netif == card->netif)
            flags |= default_router_list[i].flags;
    net_dhcp6_follow(card->netif, (flags & ND6_RA_FLAG_MANAGED_ADDR_CONFIG) != 0,
                     (flags & ND6_RA_FLAG_OTHER_CONFIG) != 0);
}

void net_ip6_tick(void)
{
    for (unsigned card = 0; net_position != 0 && card < net_card_count; card++)
        net_interface(card)->netif.rs_count = 0; // core 0 asks routers
    nd6_tmr();
    watch_routers();
    for (unsigned card = 0; net_position == 0 && card < net_card_count; card++)
        if (net_ip6_is_on(card))
            follow_routers(&cards[card]);
}

const ip_addr_t *net_ip6_source_address(struct netif *netif, const ip6_addr_t *destination)
{
    const ip_addr_t *address = ip6_select_source_address(netif, destination);
    return address != NULL ? address : IP6_ADDR_ANY;
}

// ---- fragments ----------------------------------------------------------------------------------

// A device sums whole packets only, and UDP by IPv6 must have a checksum.
static void sum_datagram(struct pbuf *packet)
{
    const struct ip6_hdr *ip = packet->payload;
    struct udp_hdr *udp = (struct udp_hdr *)((uint8_t *)packet->payload + IP6_HLEN);
    if (packet->len < IP6_HLEN + UDP_HLEN || IP6H_NEXTH(ip) != IP6_NEXTH_UDP || udp->chksum != 0)
        return;
    ip6_addr_t source, destination;
    ip6_addr_copy_from_packed(source, ip->src);
    ip6_addr_copy_from_packed(destination, ip->dest);
    pbuf_remove_header(packet, IP6_HLEN);
    uint16_t sum = ip6_chksum_pseudo(packet, IP6_NEXTH_UDP, packet->tot_len, &source, &destination);
    udp->chksum = sum == 0 ? 0xffff : sum;
    pbuf_add_header(packet, IP6_HLEN);
}

err_t net_ip6_fragment(struct pbuf *packet, struct netif *netif, const ip6_addr_t *destination)
{
    if (IP6H_NEXTH((const struct ip6_hdr *)packet->payload) == IP6_NEXTH_TCP &&
        net_segments_are_allowed())
        return netif->output_ip6(netif, packet, destination); // the device cuts it
    sum_datagram(packet);
    return ip6_frag(packet, netif, destination);
}

// ---- start --------------------------------------------------------------------------------------

static ip6_addr_t address_of(const uint8_t bytes[NET_ADDRESS6_BYTES])
{
    ip6_addr_t address = {0};
    memcpy(&address.addr, bytes, sizeof(address.addr));
    return address;
}

static void use_static_address(struct netif *netif, const struct net_static_address6 *given)
{
    ip6_addr_t address = address_of(given->address), gateway = address_of(given->gateway);
    ip6_addr_assign_zone(&gateway, IP6_UNICAST, netif);
    // lwIP takes the network of an address without lifetimes to be on this link.
    uint32_t life = given->prefix_bits == 64 ? IP6_ADDR_LIFE_STATIC : FOR_EVER;
    netif_ip6_addr_set(netif, STATIC_INDEX, &address);
    netif_ip6_addr_set_valid_life(netif, STATIC_INDEX, life);
    netif_ip6_addr_set_pref_life(netif, STATIC_INDEX, life);
    netif_ip6_addr_set_state(netif, STATIC_INDEX, IP6_ADDR_TENTATIVE);
    if (given->has_gateway)
        add_router(netif, &gateway, NULL, 0, FOR_EVER);
    for (unsigned i = 0; i < given->dns_count; i++) {
        ip6_addr_t server = address_of(given->dns[i]);
        net_dns_hear_ip6(net_card_of(netif), i, &server);
    }
}

// Returns: true if option `ip6` names an address, in *out; *is_off if it says that there is none.
static bool static_address_given(unsigned card, struct net_static_address6 *out, bool *is_off)
{
    const char *text = option_get_of_card("ip6", card);
    *is_off = text != NULL && strcmp(text, "off") == 0;
    if (text == NULL || *is_off || strcmp(text, "auto") == 0)
        return false;
    const char *wrong = net_static_address6_parse(text, out);
    if (wrong == NULL)
        return true;
    log_warn("net: option ip6%s=%s: %s; expected " NET_ADDRESS6_SYNTAX "; routers are asked",
             net_card_suffix(card), text, wrong);
    return false;
}

void net_ip6_start(struct netif *netif)
{
    struct card *card = &cards[net_card_of(netif)];
    struct net_static_address6 given;
    bool is_off;
    bool is_given = static_address_given(net_card_of(netif), &given, &is_off);
    if (is_off)
        return;
    if (netif->mtu < MTU_MIN) {
        log_warn("net: no IPv6: it needs frames of %d bytes, this network's carry %u", MTU_MIN,
                 netif->mtu);
        return;
    }
    card->netif = netif;
    card->is_given = is_given;
    netif->flags |= NETIF_FLAG_MLD6;
    netif_set_ip6_autoconfig_enabled(netif, !is_given);
    netif_create_ip6_linklocal_address(netif, 1);
    if (is_given)
        use_static_address(netif, &given);
}

void net_ip6_join(struct netif *netif)
{
    const char *text = option_get_of_card("ip6", net_card_of(netif));
    if ((text != NULL && strcmp(text, "off") == 0) || netif->mtu < MTU_MIN)
        return;
    cards[net_card_of(netif)].netif = netif;
}
