// SPDX-License-Identifier: MIT
#include "net/arch/cc.h"

PERCORE bool net_core_has_stack;

void net_owner_violated(void)
{
    panic("net: the network was used on a core that has none");
}
