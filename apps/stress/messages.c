// SPDX-License-Identifier: MIT
#include <string.h>

#include "apps/stress/stress.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"

struct token {
    struct exchange_message message;
    unsigned home, sender;
    uint64_t number; // of the message, on its way from the sender
    uint64_t hops_left;
    struct block *block; // or NULL
};

static PERCORE_ZERO uint64_t sent[CORES_MAX], received[CORES_MAX]; // to and from each core
static PERCORE uint64_t freed_elsewhere;
static PERCORE unsigned away; // tokens of this core
static PERCORE struct thread *waiter;

static void receive(struct exchange_message *message);

static void send(struct token *token, unsigned core)
{
    token->message.receive = receive;
    token->sender = core_index();
    token->number = sent[core]++;
    exchange_send(core, &token->message);
}

// One in eight goes to core 0, so that much waits for a slot there.
static unsigned choose_core(void)
{
    unsigned core;
    if (random_below(8) == 0)
        return 0;
    do {
        core = (unsigned)random_below(core_count());
    } while (!core_is_online(core));
    return core;
}

static void change_block(struct token *token)
{
    if (token->block == NULL) {
        token->block = block_make();
        return;
    }
    freed_elsewhere += block_owner(token->block) != core_index();
    block_free(token->block);
    token->block = NULL;
}

static void receive(struct exchange_message *message)
{
    struct token *token = CONTAINER_OF(message, struct token, message);
    uint64_t expected = received[token->sender]++;
    if (token->number != expected)
        panic("stress: core %u: message %llu from core %u, when %llu is next", core_index(),
              (unsigned long long)token->number, token->sender, (unsigned long long)expected);
    if (random_below(8) == 0)
        change_block(token);
    if (token->hops_left > 1) {
        token->hops_left--;
        send(token, choose_core());
    } else if (token->hops_left == 1) {
        token->hops_left = 0;
        send(token, token->home);
    } else {
        if (token->block != NULL)
            change_block(token);
        heap_free(token);
        if (--away == 0)
            thread_wake(waiter);
    }
}

void messages_run(uint64_t hops)
{
    waiter = thread_self();
    away = TOKENS;
    for (unsigned i = 0; i < TOKENS; i++) {
        struct token *token = heap_alloc(sizeof(*token));
        if (token == NULL)
            panic("stress: out of memory on core %u", core_index());
        *token = (struct token){.home = core_index(), .hops_left = hops};
        send(token, choose_core());
    }
    while (away > 0)
        thread_wait_until(TIME_NEVER);
}

uint64_t messages_freed_elsewhere(void)
{
    return freed_elsewhere;
}
