// SPDX-License-Identifier: MIT
#include "net/ip4.h"

#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "net/address.h"
#include "net/dhcp_mtu.h"
#include "net/dns_servers.h"
#include "net/interface.h"
#include "net/net.h"
#include "net/ntp_servers.h"

#include "lwip/dhcp.h"
#include "lwip/etharp.h"

OPTION_TEXT_OF_CARD(ip, "ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS], or dhcp");

// The first word about a missing lease, then twice as long each time, up to this.
#define LEASE_PATIENCE_FIRST_S 10
#define LEASE_PATIENCE_MAX_S   640
#define LEASE_TEXT_BYTES       (2 * NET_ADDRESS_TEXT_BYTES + 8)

static PERCORE struct card {
    struct netif *netif;
    bool by_dhcp;
    ip4_addr_t address, netmask, gateway; // as last told
    struct timer patience;
    uint64_t asking_since_ns;
    uint32_t patience_s;
} cards[NET_CARDS_MAX];

bool net_ip4_by_dhcp(unsigned card)
{
    const struct card(*of)[NET_CARDS_MAX] = core_local_of(0, &cards);
    return (*of)[card].by_dhcp;
}

unsigned net_ip4_prefix_bits(const struct netif *netif)
{
    uint32_t mask = lwip_ntohl(netif_ip4_netmask(netif)->addr);
    return mask == UINT32_MAX ? 32 : (unsigned)__builtin_clz(~mask);
}

static const struct net_device *device_of(const struct card *card)
{
    return card->netif->state;
}

// What else a lease says: ", MTU 1400, NTP 10.0.2.4", or "".
static void lease_text(const struct card *card, char text[LEASE_TEXT_BYTES])
{
    char server[NET_ADDRESS_TEXT_BYTES];
    ip_addr_t time_server;
    const unsigned number = net_card_of(card->netif);
    uint16_t mtu = card->by_dhcp ? net_dhcp_mtu(number) : 0;
    int used = mtu != 0 ? snprintf(text, LEASE_TEXT_BYTES, ", MTU %u", mtu) : 0;
    text[used] = '\0';
    if (!card->by_dhcp || !net_ntp_server_of(number, &time_server))
        return;
    ip4addr_ntoa_r(ip_2_ip4(&time_server), server, sizeof(server));
    snprintf(text + used, (size_t)(LEASE_TEXT_BYTES - used), ", NTP %s", server);
}

static void log_address(const struct card *card)
{
    char address[NET_ADDRESS_TEXT_BYTES], gateway[NET_ADDRESS_TEXT_BYTES];
    char servers[NET_DNS_TEXT_BYTES], lease[LEASE_TEXT_BYTES];
    lease_text(card, lease);
    ip4addr_ntoa_r(&card->address, address, sizeof(address));
    ip4addr_ntoa_r(&card->gateway, gateway, sizeof(gateway));
    net_dns_text(servers, IPADDR_TYPE_V4);
    bool has_gateway = !ip4_addr_isany_val(card->gateway);
    const uint8_t *mac = device_of(card)->mac;
    log_info("net: %s/%u by %s, %s%s, %s%s%s, %s %02x:%02x:%02x:%02x:%02x:%02x", address,
             net_ip4_prefix_bits(card->netif), card->by_dhcp ? "DHCP" : "option ip",
             has_gateway ? "gateway " : "no gateway", has_gateway ? gateway : "",
             servers[0] != '\0' ? "DNS " : "no DNS", servers, lease, device_of(card)->name, mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void ask_patiently(struct card *card)
{
    card->asking_since_ns = time_now_ns();
    card->patience_s = LEASE_PATIENCE_FIRST_S;
    timer_start(&card->patience, card->asking_since_ns + card->patience_s * NS_PER_S);
}

// " at e1000 at 00:03.0", where it matters.
static const char *place_of(const struct card *card, char text[48])
{
    text[0] = '\0';
    if (net_card_count > 1)
        strcat(strcpy(text, " at "), device_of(card)->name);
    return text;
}

static void patience_expired(struct timer *timer)
{
    struct card *card = CONTAINER_OF(timer, struct card, patience);
    uint64_t now_ns = time_now_ns();
    char place[48];
    log_warn("net: no DHCP lease%s after %u s%s: still trying; a static address is option "
             "ip%s=ADDRESS/PREFIX",
             place_of(card, place), (unsigned)((now_ns - card->asking_since_ns) / NS_PER_S),
             device_of(card)->link_up ? "" : ", the link is down",
             net_card_suffix((unsigned)(card - cards)));
    if (card->patience_s < LEASE_PATIENCE_MAX_S)
        card->patience_s *= 2;
    timer_start(timer, now_ns + card->patience_s * NS_PER_S);
}

void net_ip4_tell_changes(struct netif *netif)
{
    struct card *card = &cards[net_card_of(netif)];
    if (ip4_addr_cmp(&card->address, netif_ip4_addr(netif)) &&
        ip4_addr_cmp(&card->netmask, netif_ip4_netmask(netif)) &&
        ip4_addr_cmp(&card->gateway, netif_ip4_gw(netif)))
        return;
    bool had = !ip4_addr_isany_val(card->address);
    card->address = *netif_ip4_addr(netif);
    card->netmask = *netif_ip4_netmask(netif);
    card->gateway = *netif_ip4_gw(netif);
    if (!ip4_addr_isany_val(card->address)) {
        timer_stop(&card->patience);
        log_address(card);
        // The gateway's hardware address is asked for now, so that the first answer need not wait.
        if (netif_is_link_up(netif) && !ip4_addr_isany_val(card->gateway))
            etharp_query(netif, netif_ip4_gw(netif), NULL);
    } else if (had) {
        char place[48];
        log_warn("net: the DHCP lease%s ended: asking for an address again", place_of(card, place));
        ask_patiently(card);
    }
}

// ---- start --------------------------------------------------------------------------------------

static void use_static_address(struct netif *netif, const struct net_static_address *given)
{
    ip4_addr_t address = {lwip_htonl(given->address)};
    ip4_addr_t netmask = {lwip_htonl(net_netmask(given->prefix_bits))};
    ip4_addr_t gateway = {lwip_htonl(given->gateway)};
    for (unsigned i = 0; i < NET_DNS_MAX; i++) {
        ip_addr_t server = IPADDR4_INIT(lwip_htonl(given->dns[i]));
        net_dns_hear_ip4(net_card_of(netif), i, &server);
    }
    netif_set_addr(netif, &address, &netmask, &gateway);
}

// Returns: true if option `ip` names an address, in *out.
static bool static_address_given(unsigned card, struct net_static_address *out)
{
    const char *text = option_get_of_card("ip", card);
    if (text == NULL || strcmp(text, "dhcp") == 0)
        return false;
    const char *wrong = net_static_address_parse(text, out);
    if (wrong == NULL)
        return true;
    log_warn("net: option ip%s=%s: %s; expected " NET_ADDRESS_SYNTAX "; DHCP is used",
             net_card_suffix(card), text, wrong);
    return false;
}

void net_ip4_start(struct netif *netif)
{
    struct net_static_address given;
    struct card *card = &cards[net_card_of(netif)];
    card->netif = netif;
    card->patience.expired = patience_expired;
    card->by_dhcp = !static_address_given(net_card_of(netif), &given);
    if (!card->by_dhcp) {
        use_static_address(netif, &given);
        return;
    }
    ask_patiently(card);
    if (dhcp_start(netif) != ERR_OK)
        panic("net: dhcp_start: no memory for the DHCP client");
}
