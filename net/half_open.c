// SPDX-License-Identifier: MIT
// lwIP counts those of each listener in 8 bits and lets nobody else in when it has 255. Here each
// is taken out of that count at once and kept in a list of all of the core, the oldest first.
#include "net/half_open.h"

#include "kernel/core.h"
#include "net/demux.h"

#include "lwip/priv/tcp_priv.h"

static PERCORE struct {
    struct tcp_pcb *oldest, *newest;
    struct net_half_open_stats stats;
} list;

static struct tcp_pcb *neighbour(const struct tcp_pcb *pcb, u8_t id)
{
    return tcp_ext_arg_get(pcb, id);
}

static bool is_in(const struct tcp_pcb *pcb)
{
    return list.oldest == pcb || neighbour(pcb, NET_EXT_ARG_OLDER) != NULL;
}

void net_half_open_remove(struct tcp_pcb *pcb)
{
    if (!is_in(pcb))
        return;
    struct tcp_pcb *older = neighbour(pcb, NET_EXT_ARG_OLDER);
    struct tcp_pcb *newer = neighbour(pcb, NET_EXT_ARG_NEWER);
    if (older != NULL)
        tcp_ext_arg_set(older, NET_EXT_ARG_NEWER, newer);
    else
        list.oldest = newer;
    if (newer != NULL)
        tcp_ext_arg_set(newer, NET_EXT_ARG_OLDER, older);
    else
        list.newest = older;
    tcp_ext_arg_set(pcb, NET_EXT_ARG_OLDER, NULL);
    tcp_ext_arg_set(pcb, NET_EXT_ARG_NEWER, NULL);
    list.stats.count--;
}

void net_half_open_add(struct tcp_pcb *pcb)
{
    tcp_backlog_accepted(pcb); // of lwIP's count
    if (list.stats.count >= NET_HALF_OPEN_MAX) {
        list.stats.dropped++;
        tcp_abandon(list.oldest, 0);
    }
    tcp_ext_arg_set(pcb, NET_EXT_ARG_OLDER, list.newest);
    if (list.newest != NULL)
        tcp_ext_arg_set(list.newest, NET_EXT_ARG_NEWER, pcb);
    else
        list.oldest = pcb;
    list.newest = pcb;
    list.stats.count++;
}

struct net_half_open_stats net_half_open_stats_of(unsigned core)
{
    const typeof(list) *of = core_local_of(core, &list);
    return of == NULL ? (struct net_half_open_stats){0} : of->stats;
}
