// SPDX-License-Identifier: MIT
#include "net/ip6.h"

#include <string.h>

#include "kernel/log.h"
#include "kernel/options.h"
#include "net/address6.h"
#include "net/dhcp6.h"
#include "net/dns_servers.h"
#include "net/hooks.h"
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

OPTION_TEXT(ip6, "auto, off, or ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS]");

#define MTU_MIN      1280 // RFC 8200 section 5
#define STATIC_INDEX 1    // of the address that option ip6 gives; 0 is link-local
#define FOR_EVER     UINT32_MAX

enum origin { LINK_LOCAL, ROUTER, OPTION, DHCP6 };

static PERCORE struct {
    struct netif *netif;                      // NULL: no IPv6
    bool is_given;                            // option ip6 names an address
    uint8_t origins[LWIP_IPV6_NUM_ADDRESSES]; // of another core than 0: as it was told
    struct {
        ip6_addr_t address;
        bool is_valid, is_duplicate;
    } told[LWIP_IPV6_NUM_ADDRESSES];
} state;

bool net_ip6_is_on(void)
{
    return state.netif != NULL;
}

const ip6_addr_t *net_ip6_address(void)
{
    for (int i = 1; state.netif != NULL && i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(state.netif, i)))
            return netif_ip6_addr(state.netif, i);
    return NULL;
}

static enum origin origin_of(int index)
{
    if (net_position != 0)
        return state.origins[index];
    if (index == 0)
        return LINK_LOCAL;
    if (state.is_given && index == STATIC_INDEX)
        return OPTION;
    return net_dhcp6_gave(netif_ip6_addr(state.netif, index)) ? DHCP6 : ROUTER;
}

const char *net_ip6_origin(int index)
{
    static const char *const texts[] = {[LINK_LOCAL] = "link-local",
                                        [ROUTER] = "router advertisement",
                                        [OPTION] = "option ip6",
                                        [DHCP6] = "DHCPv6"};
    return texts[origin_of(index)];
}

unsigned net_ip6_prefix_bits(int index)
{
    enum origin origin = origin_of(index);
    bool is_alone = origin == OPTION && !netif_ip6_addr_isstatic(state.netif, index);
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
static void add_router(const ip6_addr_t *address, const uint8_t *mac, uint8_t flags,
                       uint32_t lifetime_s)
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
        neighbor->netif = state.netif;
        neighbor->state = mac == NULL ? ND6_INCOMPLETE : ND6_STALE;
        if (mac != NULL)
            memcpy(neighbor->lladdr, mac, ETH_HWADDR_LEN);
        memset(&neighbor->counter, 0, sizeof(neighbor->counter));
    }
    neighbor->isrouter = 1;
    *router = (struct nd6_router_list_entry){neighbor, lifetime_s, flags};
}

static void add_prefix(const ip6_addr_t *prefix, uint32_t lifetime_s)
{
    struct nd6_prefix_list_entry *unused = NULL;
    for (int i = LWIP_ND6_NUM_PREFIXES - 1; i >= 0; i--) {
        if (prefix_list[i].netif == NULL)
            unused = &prefix_list[i];
        else if (ip6_addr_netcmp(&prefix_list[i].prefix, prefix))
            return;
    }
    if (unused != NULL)
        *unused = (struct nd6_prefix_list_entry){*prefix, state.netif, lifetime_s};
}

// ---- what core 0 tells --------------------------------------------------------------------------

void net_ip6_config(struct net_ip6_config *out)
{
    memset(out, 0, sizeof(*out));
    if (state.netif == NULL)
        return;
    out->mtu = netif_mtu6(state.netif);
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        out->addresses[i].state = netif_ip6_addr_state(state.netif, i);
        if (!ip6_addr_isvalid(out->addresses[i].state))
            continue;
        out->addresses[i].address = *netif_ip6_addr(state.netif, i);
        out->addresses[i].origin = origin_of(i);
        out->addresses[i].has_network = netif_ip6_addr_isstatic(state.netif, i);
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        const struct nd6_router_list_entry *router = &default_router_list[i];
        if (router->neighbor_entry == NULL)
            continue;
        out->routers[i].address = router->neighbor_entry->next_hop_address;
        memcpy(out->routers[i].mac, router->neighbor_entry->lladdr, ETH_HWADDR_LEN);
        out->routers[i].has_mac = router->neighbor_entry->state != ND6_INCOMPLETE;
        out->routers[i].flags = router->flags;
        out->routers[i].lifetime_s = router->invalidation_timer;
    }
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++) {
        if (prefix_list[i].netif == NULL)
            continue;
        out->prefixes[i].prefix = prefix_list[i].prefix;
        out->prefixes[i].lifetime_s = prefix_list[i].invalidation_timer;
    }
}

void net_ip6_configure(const struct net_ip6_config *config)
{
    struct netif *netif = state.netif;
    if (netif == NULL || config->mtu == 0)
        return;
    netif->mtu6 = config->mtu;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(config->addresses[i].state)) {
            netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
            continue;
        }
        state.origins[i] = config->addresses[i].origin;
        netif_ip6_addr_set(netif, i, &config->addresses[i].address);
        // Core 0 says when it ends.
        uint32_t life = config->addresses[i].has_network ? IP6_ADDR_LIFE_STATIC : FOR_EVER;
        netif_ip6_addr_set_valid_life(netif, i, life);
        netif_ip6_addr_set_pref_life(netif, i, life);
        netif_ip6_addr_set_state(netif, i, config->addresses[i].state);
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (!ip6_addr_isany_val(config->routers[i].address))
            add_router(&config->routers[i].address,
                       config->routers[i].has_mac ? config->routers[i].mac : NULL,
                       config->routers[i].flags, config->routers[i].lifetime_s);
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (!ip6_addr_isany_val(config->prefixes[i].prefix))
            add_prefix(&config->prefixes[i].prefix, config->prefixes[i].lifetime_s);
}

// ---- the console --------------------------------------------------------------------------------

static void log_valid(s8_t index)
{
    char address[NET_ADDRESS6_TEXT_BYTES], router[NET_ADDRESS6_TEXT_BYTES] = "",
                                           servers[NET_DNS_TEXT_BYTES];
    net_address6_text(address, netif_ip6_addr(state.netif, index));
    if (index == 0) {
        log_debug("net: %s on this link", address);
        return;
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS && router[0] == '\0'; i++)
        if (default_router_list[i].neighbor_entry != NULL)
            net_address6_text(router, &default_router_list[i].neighbor_entry->next_hop_address);
    net_dns_text(servers, IPADDR_TYPE_V6);
    log_info("net: %s/%u by %s, %s%s, %s%s", address, net_ip6_prefix_bits(index),
             net_ip6_origin(index), router[0] != '\0' ? "router " : "no router", router,
             servers[0] != '\0' ? "DNS " : "no DNS", servers);
}

void net_ip6_tell_changes(void)
{
    for (s8_t i = 0; state.netif != NULL && i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        uint8_t now = netif_ip6_addr_state(state.netif, i);
        const ip6_addr_t *address = netif_ip6_addr(state.netif, i);
        typeof(state.told[0]) *told = &state.told[i];
        char text[NET_ADDRESS6_TEXT_BYTES];
        if (told->is_valid && (!ip6_addr_isvalid(now) || !ip6_addr_cmp(&told->address, address))) {
            net_address6_text(text, &told->address);
            log_info("net: %s is no longer this machine's", text);
            told->is_valid = false;
        }
        if (ip6_addr_isvalid(now) && !told->is_valid)
            log_valid(i);
        if (ip6_addr_isduplicated(now) && !told->is_duplicate) {
            net_address6_text(text, address);
            log_warn("net: %s is another machine's already: it is not used", text);
            if (net_dhcp6_gave(address))
                net_dhcp6_decline();
        }
        told->is_valid = ip6_addr_isvalid(now);
        told->is_duplicate = ip6_addr_isduplicated(now);
        told->address = *address;
    }
}

// ---- addresses from elsewhere -------------------------------------------------------------------

bool net_ip6_add_address(const ip6_addr_t *address, uint32_t valid_s, uint32_t preferred_s)
{
    s8_t index = netif_get_ip6_addr_match(state.netif, address);
    for (s8_t i = 1; index < 0 && i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isinvalid(netif_ip6_addr_state(state.netif, i)))
            index = i;
    if (index < 0)
        return false;
    netif_ip6_addr_set(state.netif, index, address);
    netif_ip6_addr_set_valid_life(state.netif, index, valid_s);
    netif_ip6_addr_set_pref_life(state.netif, index, preferred_s);
    if (ip6_addr_isinvalid(netif_ip6_addr_state(state.netif, index)))
        netif_ip6_addr_set_state(state.netif, index, IP6_ADDR_TENTATIVE);
    return true;
}

void net_ip6_tick(void)
{
    if (net_position != 0)
        state.netif->rs_count = 0; // core 0 asks routers
    nd6_tmr();
    if (net_position != 0 || state.is_given ||
        !ip6_addr_isvalid(netif_ip6_addr_state(state.netif, 0)))
        return;
    uint8_t flags = 0;
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry != NULL)
            flags |= default_router_list[i].flags;
    net_dhcp6_follow(state.netif, (flags & ND6_RA_FLAG_MANAGED_ADDR_CONFIG) != 0,
                     (flags & ND6_RA_FLAG_OTHER_CONFIG) != 0);
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
    ip6_addr_t address;
    memcpy(&address.addr, bytes, sizeof(address.addr));
    return address;
}

static void use_static_address(const struct net_static_address6 *given)
{
    ip6_addr_t address = address_of(given->address), gateway = address_of(given->gateway);
    // lwIP takes the network of an address without lifetimes to be on this link.
    uint32_t life = given->prefix_bits == 64 ? IP6_ADDR_LIFE_STATIC : FOR_EVER;
    netif_ip6_addr_set(state.netif, STATIC_INDEX, &address);
    netif_ip6_addr_set_valid_life(state.netif, STATIC_INDEX, life);
    netif_ip6_addr_set_pref_life(state.netif, STATIC_INDEX, life);
    netif_ip6_addr_set_state(state.netif, STATIC_INDEX, IP6_ADDR_TENTATIVE);
    if (given->has_gateway)
        add_router(&gateway, NULL, 0, FOR_EVER);
    for (unsigned i = 0; i < given->dns_count; i++) {
        ip6_addr_t server = address_of(given->dns[i]);
        net_dns_hear_ip6(i, &server);
    }
}

// Returns: true if option `ip6` names an address, in *out; *is_off if it says that there is none.
static bool static_address_given(struct net_static_address6 *out, bool *is_off)
{
    const char *text = option_get("ip6");
    *is_off = text != NULL && strcmp(text, "off") == 0;
    if (text == NULL || *is_off || strcmp(text, "auto") == 0)
        return false;
    const char *wrong = net_static_address6_parse(text, out);
    if (wrong == NULL)
        return true;
    log_warn("net: option ip6=%s: %s; expected " NET_ADDRESS6_SYNTAX "; routers are asked", text,
             wrong);
    return false;
}

void net_ip6_start(struct netif *netif)
{
    struct net_static_address6 given;
    bool is_off;
    bool is_given = static_address_given(&given, &is_off);
    if (is_off)
        return;
    if (netif->mtu < MTU_MIN) {
        log_warn("net: no IPv6: it needs frames of %d bytes, this network's carry %u", MTU_MIN,
                 netif->mtu);
        return;
    }
    state.netif = netif;
    state.is_given = is_given;
    netif->flags |= NETIF_FLAG_MLD6;
    netif_set_ip6_autoconfig_enabled(netif, !is_given);
    netif_create_ip6_linklocal_address(netif, 1);
    if (is_given)
        use_static_address(&given);
}

void net_ip6_join(struct netif *netif)
{
    const char *text = option_get("ip6");
    if ((text != NULL && strcmp(text, "off") == 0) || netif->mtu < MTU_MIN)
        return;
    state.netif = netif;
}
