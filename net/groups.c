// SPDX-License-Identifier: MIT
#include "net/groups.h"

#include <errno.h>

#include "kernel/core.h"
#include "net/interface.h"
#include "net/ip6.h"

#include "lwip/igmp.h"
#include "lwip/mld6.h"

static PERCORE unsigned joined_ip4, joined_ip6; // without those that lwIP joins itself

// lwIP tells of each group that comes and goes, for the card's filter; cards take all groups.
static err_t ip4_changed(struct netif *netif, const ip4_addr_t *group,
                         enum netif_mac_filter_action action)
{
    (void)netif;
    (void)group;
    joined_ip4 += action == NETIF_ADD_MAC_FILTER ? 1u : -1u;
    return ERR_OK;
}

static err_t ip6_changed(struct netif *netif, const ip6_addr_t *group,
                         enum netif_mac_filter_action action)
{
    (void)netif;
    if (!ip6_addr_issolicitednode(group))
        joined_ip6 += action == NETIF_ADD_MAC_FILTER ? 1u : -1u;
    return ERR_OK;
}

void net_groups_start(struct netif *netif)
{
    netif_set_igmp_mac_filter(netif, ip4_changed);
    netif_set_mld_mac_filter(netif, ip6_changed);
}

bool net_groups_on(unsigned core)
{
    const unsigned *ip4 = core_local_of(core, &joined_ip4);
    const unsigned *ip6 = core_local_of(core, &joined_ip6);
    return ip4 != NULL && (*ip4 | *ip6) != 0;
}

bool net_groups_need_igmp(void)
{
    return joined_ip4 != 0;
}

bool net_groups_need_mld(void)
{
    if (joined_ip6 != 0)
        return true;
    for (unsigned card = 0; card < net_card_count; card++)
        for (struct mld_group *group = netif_mld6_data(&net_interface(card)->netif); group != NULL;
             group = group->next)
            if (group->timer != 0)
                return true;
    return false;
}

static bool is_group_of(unsigned card, const ip_addr_t *group)
{
    return !IP_IS_V6(group) || net_ip6_is_on(card);
}

static void leave(unsigned card, const ip_addr_t *group)
{
    struct netif *netif = &net_interface(card)->netif;
    if (!is_group_of(card, group))
        return;
    if (IP_IS_V6(group))
        mld6_leavegroup_netif(netif, ip_2_ip6(group));
    else
        igmp_leavegroup_netif(netif, ip_2_ip4(group));
}

static err_t join(unsigned card, const ip_addr_t *group)
{
    struct netif *netif = &net_interface(card)->netif;
    if (!is_group_of(card, group))
        return ERR_OK;
    return IP_IS_V6(group) ? mld6_joingroup_netif(netif, ip_2_ip6(group))
                           : igmp_joingroup_netif(netif, ip_2_ip4(group));
}

int net_group_join(const ip_addr_t *group)
{
    bool is_possible = false;
    if (!ip_addr_ismulticast(group))
        return -EINVAL;
    for (unsigned card = 0; card < net_card_count; card++)
        is_possible |= is_group_of(card, group);
    if (!is_possible)
        return -ENETDOWN;
    for (unsigned card = 0; card < net_card_count; card++) {
        if (join(card, group) == ERR_OK)
            continue;
        while (card-- > 0)
            leave(card, group);
        return -ENOMEM;
    }
    return 0;
}

void net_group_leave(const ip_addr_t *group)
{
    for (unsigned card = 0; card < net_card_count; card++)
        leave(card, group);
}
