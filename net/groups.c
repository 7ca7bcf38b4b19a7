// SPDX-License-Identifier: MIT
#include "net/groups.h"

#include <errno.h>

#include "kernel/core.h"
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
    if (joined_ip6 != 0 || netif_default == NULL)
        return joined_ip6 != 0;
    for (struct mld_group *group = netif_mld6_data(netif_default); group != NULL;
         group = group->next)
        if (group->timer != 0)
            return true;
    return false;
}

int net_group_join(const ip_addr_t *group)
{
    if (!ip_addr_ismulticast(group))
        return -EINVAL;
    if (netif_default == NULL || (IP_IS_V6(group) && !net_ip6_is_on()))
        return -ENETDOWN;
    err_t error = IP_IS_V6(group) ? mld6_joingroup_netif(netif_default, ip_2_ip6(group))
                                  : igmp_joingroup_netif(netif_default, ip_2_ip4(group));
    return error == ERR_OK ? 0 : -ENOMEM;
}

void net_group_leave(const ip_addr_t *group)
{
    if (IP_IS_V6(group))
        mld6_leavegroup_netif(netif_default, ip_2_ip6(group));
    else
        igmp_leavegroup_netif(netif_default, ip_2_ip4(group));
}
