// SPDX-License-Identifier: MIT
// When a lease of DHCP is renewed, and when it ends. lwIP counts minutes: a lease of one or two is
// over before it is renewed, an endless one after a finite one ends with that. Here are times; lwIP
// asks, and is answered. Context: core 0. Spec: RFC 2131 section 4.4.5.
#include "kernel/time.h"
#include "net/hooks.h"
#include "net/interface.h"

#include "lwip/dhcp.h"
#include "lwip/prot/dhcp.h"

#define FOR_EVER     UINT32_MAX
#define UNSAID_S     3600 // the server did not say how long
#define LEASE_MIN_S  10   // whatever a server says: it is not to be asked without end
#define RENEW_MIN_S  (LEASE_MIN_S / 2)
#define RETRY_MOST_S 60 // the section's least time between two questions, where there is so much
#define NO_MEMORY_S  10

static PERCORE struct lease { // of each card
    struct netif *netif;
    struct timer timer;
    uint64_t rebind_ns, end_ns; // which of them are past is what to do when the timer expires
    uint64_t retry_min_ns;
} leases[NET_CARDS_MAX];

static uint64_t seconds_from_now(uint32_t seconds)
{
    return seconds == FOR_EVER ? TIME_NEVER : time_now_ns() + seconds * NS_PER_S;
}

// The server gave no answer yet: half of what is left of this part is waited for.
static void ask_again_before(struct lease *lease, uint64_t limit_ns)
{
    uint64_t now_ns = time_now_ns();
    uint64_t wait_ns = LWIP_MAX((limit_ns - now_ns) / 2, lease->retry_min_ns);
    timer_start(&lease->timer, LWIP_MIN(now_ns + wait_ns, limit_ns));
}

// lwIP does not let others ask all servers, but does so when its own count is over.
static void rebind(struct dhcp *dhcp)
{
    dhcp->t2_rebind_time = 1;
    dhcp_coarse_tmr();
}

static void begin_anew(struct lease *lease)
{
    dhcp_release_and_stop(lease->netif);
    // Where it is asking for another address, it has left the old one.
    netif_set_addr(lease->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
    if (dhcp_start(lease->netif) != ERR_OK)
        timer_start(&lease->timer, seconds_from_now(NO_MEMORY_S));
}

static void timer_expired(struct timer *timer)
{
    struct lease *lease = CONTAINER_OF(timer, struct lease, timer);
    struct dhcp *dhcp = netif_dhcp_data(lease->netif);
    uint64_t now_ns = time_now_ns();
    if (now_ns >= lease->end_ns) {
        begin_anew(lease);
    } else if (now_ns >= lease->rebind_ns) {
        ask_again_before(lease, lease->end_ns);
        rebind(dhcp);
    } else {
        ask_again_before(lease, lease->rebind_ns);
        if (dhcp->state == DHCP_STATE_BOUND || dhcp->state == DHCP_STATE_RENEWING)
            dhcp_renew(lease->netif);
    }
}

static void begin(struct lease *lease, const struct dhcp *dhcp)
{
    uint32_t end_s = dhcp->offered_t0_lease, renew_s = dhcp->offered_t1_renew;
    uint32_t rebind_s = dhcp->offered_t2_rebind;
    if (end_s == 0)
        end_s = UNSAID_S;
    end_s = LWIP_MAX(end_s, LEASE_MIN_S);
    if (rebind_s <= RENEW_MIN_S || rebind_s >= end_s)
        rebind_s = end_s - end_s / 8;
    if (renew_s < RENEW_MIN_S || renew_s >= rebind_s)
        renew_s = end_s / 2;
    lease->end_ns = seconds_from_now(end_s);
    lease->rebind_ns = seconds_from_now(end_s == FOR_EVER ? FOR_EVER : rebind_s);
    lease->retry_min_ns = LWIP_MIN(end_s / LEASE_MIN_S, RETRY_MOST_S) * NS_PER_S;
    timer_start(&lease->timer, seconds_from_now(end_s == FOR_EVER ? FOR_EVER : renew_s));
}

void net_dhcp_set_address(struct netif *netif, struct dhcp *dhcp, const ip4_addr_t *address,
                          const ip4_addr_t *mask, const ip4_addr_t *gateway)
{
    struct lease *lease = &leases[net_card_of(netif)];
    lease->netif = netif;
    lease->timer.expired = timer_expired;
    timer_stop(&lease->timer);
    dhcp->t0_timeout = dhcp->t1_timeout = dhcp->t2_timeout = 0; // its own count
    dhcp->t1_renew_time = dhcp->t2_rebind_time = 0;
    if (!ip4_addr_isany(address))
        begin(lease, dhcp);
    netif_set_addr(netif, address, mask, gateway);
}
