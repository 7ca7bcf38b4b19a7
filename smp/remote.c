// SPDX-License-Identifier: MIT
#include "smp/remote.h"

#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"

// On the caller's stack, which stays as it is while the caller waits.
struct call {
    struct exchange_message message;
    void (*function)(void *argument);
    void *argument;
    unsigned caller_core;
    struct thread *caller; // touched on its own core only
    bool done;
};

static void call_done(struct exchange_message *message)
{
    struct call *call = CONTAINER_OF(message, struct call, message);
    call->done = true;
    thread_wake(call->caller);
}

static void call_run(struct exchange_message *message)
{
    struct call *call = CONTAINER_OF(message, struct call, message);
    call->function(call->argument);
    call->message.receive = call_done;
    exchange_send(call->caller_core, &call->message);
}

void remote_call(unsigned core, void (*function)(void *argument), void *argument)
{
    if (core == core_index()) {
        function(argument);
        return;
    }
    struct call call = {.message.receive = call_run,
                        .function = function,
                        .argument = argument,
                        .caller_core = core_index(),
                        .caller = thread_self()};
    exchange_send(core, &call.message);
    while (!call.done)
        thread_wait_until(TIME_NEVER);
}

struct creation {
    const char *name;
    void (*entry)(void *argument);
    void *argument;
    int error;
};

static void create_here(void *argument)
{
    struct creation *creation = argument;
    if (thread_create(creation->name, creation->entry, creation->argument) == NULL)
        creation->error = -ENOMEM;
}

int thread_create_on(unsigned core, const char *name, void (*entry)(void *argument), void *argument)
{
    if (!core_is_online(core))
        return -EINVAL;
    struct creation creation = {.name = name, .entry = entry, .argument = argument};
    remote_call(core, create_here, &creation);
    return creation.error;
}

// A freed block is its own message: the smallest block has room for one.
_Static_assert(sizeof(struct exchange_message) <= HEAP_ALIGNMENT, "fits every block");

static void free_here(struct exchange_message *message)
{
    heap_free(message);
}

static void free_remote(unsigned owner, void *block)
{
    struct exchange_message *message = block;
    message->receive = free_here;
    exchange_send(owner, message);
}

struct console_text {
    struct exchange_message message;
    size_t size_bytes;
    char text[];
};

static void write_here(struct exchange_message *message)
{
    struct console_text *text = CONTAINER_OF(message, struct console_text, message);
    console_write(text->text, text->size_bytes);
    heap_free(text);
}

static void write_on_core_0(const char *text, size_t size_bytes)
{
    struct console_text *copy = heap_alloc(sizeof(*copy) + size_bytes);
    if (copy == NULL)
        return; // out of memory is the lesser evil than a core that waits for its log
    copy->message.receive = write_here;
    copy->size_bytes = size_bytes;
    memcpy(copy->text, text, size_bytes);
    exchange_send(0, &copy->message);
}

static void run_on_core_0(void (*function)(void *argument), void *argument)
{
    remote_call(0, function, argument);
}

void remote_start(void)
{
    heap_set_remote_free(free_remote);
    console_set_forward(write_on_core_0);
    power_set_run_on_core_0(run_on_core_0);
}
