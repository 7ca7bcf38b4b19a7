// SPDX-License-Identifier: MIT
#include "net/dhcp_mtu.h"

#include "kernel/log.h"
#include "kernel/options.h"
#include "net/hooks.h"
#include "net/interface.h"
#include "net/spread.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

#define OPTION_MTU 26
#define MTU_MIN    576  // what every host must take, RFC 791
#define MTU6_MIN   1280 // RFC 8200 section 5

static PERCORE struct {
    uint16_t heard; // in the answer that was read last; 0: nothing
    uint16_t card;  // without a word of the server; 0: no lease yet
    uint16_t of_lease;
} state[NET_CARDS_MAX];

void net_dhcp_option(u8_t code, u8_t size_bytes, struct pbuf *answer, u16_t offset)
{
    uint8_t value[2];
    if (code == OPTION_MTU && size_bytes == sizeof(value) &&
        pbuf_copy_partial(answer, value, sizeof(value), offset) == sizeof(value))
        state[net_card_of(ip_current_input_netif())].heard = (uint16_t)(value[0] << 8 | value[1]);
}

// Returns: what is heeded, or 0.
static uint16_t bounded(unsigned card, uint16_t heard)
{
    uint16_t card_mtu = state[card].card;
    if (heard == 0 || option_get_of_card("mtu", card) != NULL)
        return 0;
    if (heard < MTU_MIN)
        log_warn("net: the DHCP server says that packets have at most %u bytes, IPv4 needs %u: "
                 "not heeded",
                 heard, MTU_MIN);
    else if (heard > card_mtu)
        log_warn("net: the DHCP server says that packets may have %u bytes, but the card sends at "
                 "most %u",
                 heard, card_mtu);
    return heard < MTU_MIN ? 0 : LWIP_MIN(heard, card_mtu);
}

void net_dhcp_mtu_take(struct netif *netif)
{
    typeof(state[0]) *card = &state[net_card_of(netif)];
    if (card->card == 0)
        card->card = netif->mtu;
    uint16_t heard = card->heard, before = netif->mtu;
    card->heard = 0;
    card->of_lease = bounded(net_card_of(netif), heard);
    netif->mtu = card->of_lease != 0 ? card->of_lease : card->card;
    if (netif->mtu == before)
        return;
    // Routers may have said less, and less than IPv6 needs is not for it.
    netif->mtu6 = LWIP_MIN(netif->mtu6, LWIP_MAX(netif->mtu, MTU6_MIN));
    net_spread_config();
}

uint16_t net_dhcp_mtu(unsigned card)
{
    return state[card].of_lease;
}
