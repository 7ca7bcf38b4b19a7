// SPDX-License-Identifier: MIT
#include "net/neighbour.h"

#include <string.h>

#include "kernel/compiler.h"

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/stats.h"

#define KNOWN_COUNT 16 // a power of two; more at a time take turns

struct known {
    struct netif *netif;
    uint32_t address, era;
    uint8_t header[SIZEOF_ETH_HDR];
};

PERCORE uint32_t net_neighbour_era = 1;
static PERCORE struct known known[KNOWN_COUNT];

// By the last bytes of the address, which differ most.
static inline struct known *place_of(uint32_t address)
{
    return &known[(address >> 24 ^ address >> 16) % KNOWN_COUNT];
}

static inline bool has_room(const struct pbuf *packet)
{
    return (packet->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) != 0 &&
           (uintptr_t)packet->payload - (uintptr_t)(packet + 1) >= SIZEOF_ETH_HDR;
}

// lwIP has sent it: then its header lies in front. Else it waits for its neighbour's address.
static __attribute__((noinline)) err_t ask(struct netif *netif, struct pbuf *packet,
                                           const ip4_addr_t *to)
{
    const uint8_t *before = packet->payload;
    err_t error = etharp_output(netif, packet, to);
    if (error == ERR_OK && (const uint8_t *)packet->payload == before - SIZEOF_ETH_HDR) {
        struct known *place = place_of(to->addr);
        *place = (struct known){.netif = netif, .address = to->addr, .era = net_neighbour_era};
        memcpy(place->header, packet->payload, SIZEOF_ETH_HDR);
    }
    return error;
}

err_t net_neighbour_output(struct netif *netif, struct pbuf *packet, const ip4_addr_t *to)
{
    const struct known *place = place_of(to->addr);
    if (place->address != to->addr || place->era != net_neighbour_era || place->netif != netif ||
        !has_room(packet))
        return ask(netif, packet, to);
    packet->payload = (uint8_t *)packet->payload - SIZEOF_ETH_HDR;
    packet->len = (u16_t)(packet->len + SIZEOF_ETH_HDR);
    packet->tot_len = (u16_t)(packet->tot_len + SIZEOF_ETH_HDR);
    memcpy(packet->payload, place->header, SIZEOF_ETH_HDR);
    ETHARP_STATS_INC(etharp.cachehit);
    return netif->linkoutput(netif, packet);
}
