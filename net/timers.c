// SPDX-License-Identifier: MIT
#include "net/timers.h"

#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "net/groups.h"
#include "net/ip6.h"
#include "net/neighbour.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"

// Of TCP's clock, between looks at how many connections there are and whether any needs it: half a
// second.
#define TICKS_A_COUNT (500 / TCP_TMR_INTERVAL)
// Between two slow ticks that look at connections which are over and only remembered (TIME-WAIT),
// for some seconds: a walk through all of them, who may be many more than those that are open.
#define TICKS_A_FORGETTING (1000 / TCP_TMR_INTERVAL)
// Connections that wait for nothing but the end of their patience get by with this clock.
#define TCP_RESTING_MS 1000

// Milliseconds on the monotonic clock; wraps after 49 days, as lwIP expects.
u32_t sys_now(void)
{
    return (u32_t)(time_now_ns() / NS_PER_MS);
}

static bool always(void)
{
    return true;
}

static bool tcp_has_connections(void)
{
    return tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL;
}

static PERCORE struct net_tcp_counts tcp_counts;

struct net_tcp_counts net_tcp_count(void)
{
    struct net_tcp_counts counts = {0};
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        counts.connections++;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next)
        counts.time_wait++;
    return counts;
}

struct net_tcp_counts net_tcp_counts_of(unsigned core)
{
    const struct net_tcp_counts *of = core_local_of(core, &tcp_counts);
    return of == NULL ? (struct net_tcp_counts){0} : *of;
}

PERCORE bool net_timers_tcp_rests;

static PERCORE struct {
    uint64_t rests_from_ns; // tcp_ticks counts up to here, but for `missed`
    uint32_t missed;        // slow ticks that are still to be counted
} tcp_rest;

// Something is under way that lwIP times.
static bool is_timed(const struct tcp_pcb *pcb)
{
    return pcb->unacked != NULL || pcb->unsent != NULL || pcb->refused_data != NULL ||
           pcb->ooseq != NULL || (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)) != 0;
}

static bool tcp_may_rest(void)
{
    const struct tcp_pcb *pcb = tcp_active_pcbs;
    while (pcb != NULL && !is_timed(pcb))
        pcb = pcb->next;
    return pcb == NULL;
}

static uint32_t slow_ticks_since(uint64_t from_ns)
{
    return (uint32_t)((time_now_ns() - from_ns) / (TCP_SLOW_INTERVAL * NS_PER_MS));
}

// lwIP's clock shows what it would if it had ticked all the time. Only while no segment is timed.
static void count_missed(uint32_t slow_ticks)
{
    tcp_ticks += slow_ticks;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        pcb->polltmr = (u8_t)LWIP_MIN(pcb->polltmr + slow_ticks, (uint32_t)pcb->pollinterval);
}

// A tick in which nothing is forgotten. Nothing gets into the list either: only a segment that
// comes in takes a connection there.
static void tick_for_active(void)
{
    struct tcp_pcb *remembered = tcp_tw_pcbs;
    tcp_tw_pcbs = NULL;
    tcp_tmr();
    ASSERT(tcp_tw_pcbs == NULL);
    tcp_tw_pcbs = remembered;
}

// Others may not walk this core's lists: they see what it counted last. The tick that finds no
// connection any more is the last one.
static void tcp_tick(void)
{
    static PERCORE unsigned ticks;
    if (net_timers_tcp_rests) {
        uint32_t slow_ticks = slow_ticks_since(tcp_rest.rests_from_ns);
        tcp_rest.rests_from_ns += slow_ticks * TCP_SLOW_INTERVAL * NS_PER_MS;
        count_missed(slow_ticks > 0 ? slow_ticks - 1 : 0);
        tcp_tmr(); // one of two is a slow tick
    }
    if (net_timers_tcp_rests || ++ticks % TICKS_A_FORGETTING < 2)
        tcp_tmr();
    else
        tick_for_active();
    if (!net_timers_tcp_rests && ticks % TICKS_A_COUNT != 0 && tcp_has_connections())
        return;
    tcp_counts = net_tcp_count();
    bool rested = net_timers_tcp_rests;
    net_timers_tcp_rests = tcp_has_connections() && tcp_may_rest();
    if (rested || !net_timers_tcp_rests)
        return;
    tcp_rest.rests_from_ns = time_now_ns();
    count_missed(tcp_rest.missed);
    tcp_rest.missed = 0;
}

static void arp_tick(void)
{
    etharp_tmr();
    net_neighbour_forget();
}

static bool dhcp_waits_for_answer(void)
{
    struct netif *netif;
    NETIF_FOREACH(netif)
    {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (dhcp != NULL && dhcp->request_timeout != 0)
            return true;
    }
    return false;
}

// Those that are needed always share one grid, so that they share one wake-up. Whether the others
// are needed is asked at every wake-up; TCP says so itself (tcp_timer_needed).
static const struct lwip_clock {
    uint32_t interval_ms; // TCP_RESTING_MS for a TCP that rests
    bool (*is_needed)(void);
    void (*tick)(void);
} clocks[] = {
    {TCP_TMR_INTERVAL, tcp_has_connections, tcp_tick},
    {DHCP_FINE_TIMER_MSECS, dhcp_waits_for_answer, dhcp_fine_tmr},
    {ARP_TMR_INTERVAL, always, arp_tick},
    {IP_TMR_INTERVAL, always, ip_reass_tmr},
    {DNS_TMR_INTERVAL, always, dns_tmr},
    {NET_IP6_TICK_MS, net_ip6_is_on_any, net_ip6_tick},
    {IP6_REASS_TMR_INTERVAL, net_ip6_is_on_any, ip6_reass_tmr},
    {MLD6_TMR_INTERVAL, net_groups_need_mld, mld6_tmr},
    {IGMP_TMR_INTERVAL, net_groups_need_igmp, igmp_tmr},
};
#define TCP_CLOCK 0

static PERCORE struct {
    struct timer timer;
    uint64_t due_ns[ARRAY_COUNT(clocks)]; // TIME_NEVER while not needed
} state;

// The next point of a grid that all clocks of the same interval share. A clock that was held up
// ticks once and goes on from now: a burst of ticks would time out what was never given its time.
static uint64_t next_on_grid(uint64_t now_ns, uint32_t interval_ms)
{
    uint64_t interval_ns = interval_ms * NS_PER_MS;
    return (now_ns / interval_ns + 1) * interval_ns;
}

static uint64_t next_tick(size_t clock, uint64_t now_ns)
{
    bool rests = clock == TCP_CLOCK && net_timers_tcp_rests;
    return next_on_grid(now_ns, rests ? TCP_RESTING_MS : clocks[clock].interval_ms);
}

static void arm_earliest(void)
{
    uint64_t earliest_ns = TIME_NEVER;
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++) {
        if (state.due_ns[i] < earliest_ns)
            earliest_ns = state.due_ns[i];
    }
    if (!state.timer.pending || state.timer.deadline_ns != earliest_ns)
        timer_start(&state.timer, earliest_ns);
}

static void timer_expired(struct timer *timer)
{
    (void)timer;
    uint64_t now_ns = time_now_ns();
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++) {
        if (now_ns >= state.due_ns[i]) {
            state.due_ns[i] = TIME_NEVER;
            clocks[i].tick();
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++) {
        if (state.due_ns[i] == TIME_NEVER && clocks[i].is_needed())
            state.due_ns[i] = next_tick(i, now_ns);
    }
    arm_earliest();
}

// lwIP's word that a connection came to be. Called for each, so the usual case is one comparison.
void tcp_timer_needed(void)
{
    if (state.due_ns[TCP_CLOCK] != TIME_NEVER)
        return;
    net_timers_tcp_rests = false;
    state.due_ns[TCP_CLOCK] = next_tick(TCP_CLOCK, time_now_ns());
    arm_earliest();
}

void net_timers_wake_tcp(void)
{
    // Counted when nothing is timed again: round trips that are being measured must not grow by it.
    tcp_rest.missed += slow_ticks_since(tcp_rest.rests_from_ns);
    net_timers_tcp_rests = false;
    if (state.due_ns[TCP_CLOCK] == TIME_NEVER)
        return;
    state.due_ns[TCP_CLOCK] = next_tick(TCP_CLOCK, time_now_ns());
    arm_earliest();
}

void net_timers_start(void)
{
    uint64_t now_ns = time_now_ns();
    tcp_ticks = 1; // a round trip that began at 0 lwIP does not measure
    state.timer.expired = timer_expired;
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++)
        state.due_ns[i] =
            clocks[i].is_needed() ? next_on_grid(now_ns, clocks[i].interval_ms) : TIME_NEVER;
    arm_earliest();
}
