// SPDX-License-Identifier: MIT
// Packets that wait for a neighbour's address, in IPv6. lwIP bounds them by a pool of its own,
// which there is none of here (net/lwipopts.h): a gateway that is not there would have them kept
// for ever, and each one more is a walk over all before it.
#include "net/hooks.h"

#include "lwip/memp.h"

#define WAITING_MAX 256 // of all neighbours together

static PERCORE unsigned waiting;

// lwIP frees that neighbour's oldest and asks once more.
void *net_nd6_queue_alloc(void)
{
    void *entry = waiting < WAITING_MAX ? memp_malloc(MEMP_ND6_QUEUE) : NULL;
    waiting += entry != NULL;
    return entry;
}

void net_nd6_queue_free(void *entry)
{
    memp_free(MEMP_ND6_QUEUE, entry);
    waiting--;
}
