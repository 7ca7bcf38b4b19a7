// SPDX-License-Identifier: MIT
// The machine under apps/http/kv.c: four cores and a gap, whose messages arrive when the test says
// so. All cores share one store: PERCORE is a thread's. Included once a program.
#pragma once

#include <stdlib.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "smp/exchange.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 5;

bool core_is_online(unsigned core)
{
    return core < core_slot_count && core != 3;
}

const void *core_local_of(unsigned core, const void *variable)
{
    return core == 0 ? variable : NULL;
}

void random_bytes(void *buffer, size_t size_bytes)
{
    memset(buffer, 7, size_bytes);
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    (void)name;
    (void)entry;
    (void)argument;
    return NULL;
}

static struct {
    struct exchange_message *message;
    unsigned core;
} queue[16];
static unsigned queued, hops;

void exchange_send(unsigned core, struct exchange_message *message)
{
    if (!core_is_online(core) || queued == ARRAY_COUNT(queue))
        abort();
    queue[queued].core = core;
    queue[queued++].message = message;
}

// Delivers one message. Returns: false if none was on its way.
static bool deliver(void)
{
    if (queued == 0)
        return false;
    struct exchange_message *message = queue[0].message;
    core_this_index = queue[0].core;
    memmove(&queue[0], &queue[1], --queued * sizeof(queue[0]));
    message->receive(message);
    core_this_index = 0;
    hops++;
    return true;
}

static void deliver_all(void)
{
    while (deliver())
        ;
}
