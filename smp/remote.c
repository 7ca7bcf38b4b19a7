// SPDX-License-Identifier: MIT
#include "smp/remote.h"

#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"

// What one core asks of another: there and back. On the caller's stack, which stays as it is while
// the caller waits.
struct request {
    struct exchange_message message;
    unsigned caller_core;
    bool done;
    struct thread *caller; // touched on its own core only
};

static void request_done(struct exchange_message *message)
{
    struct request *request = CONTAINER_OF(message, struct request, message);
    request->done = true;
    thread_wake(request->caller);
}

// On the other core: it is done there.
static void request_answer(struct request *request)
{
    request->message.receive = request_done;
    exchange_send(request->caller_core, &request->message);
}

static inline void request_make(struct request *request, unsigned core,
                                void (*receive)(struct exchange_message *message))
{
    request->message.receive = receive;
    request->caller_core = core_index();
    request->done = false;
    request->caller = thread_self();
    exchange_send(core, &request->message);
    while (!request->done)
        thread_wait_until(TIME_NEVER);
}

struct call {
    struct request request;
    void (*function)(void *argument);
    void *argument;
};

static void call_here(struct exchange_message *message)
{
    struct call *call = CONTAINER_OF(message, struct call, request.message);
    call->function(call->argument);
    request_answer(&call->request);
}

void remote_call(unsigned core, void (*function)(void *argument), void *argument)
{
    if (core == core_index()) {
        function(argument);
        return;
    }
    struct call call = {.function = function, .argument = argument};
    request_make(&call.request, core, call_here);
}

struct creation {
    struct request request;
    const char *name;
    void (*entry)(void *argument);
    void *argument; // then: the thread, or NULL
};

static void create_here(struct exchange_message *message)
{
    struct creation *creation = CONTAINER_OF(message, struct creation, request.message);
    creation->argument = thread_create(creation->name, creation->entry, creation->argument);
    request_answer(&creation->request);
}

int thread_create_on(unsigned core, const char *name, void (*entry)(void *argument), void *argument)
{
    if (core == core_index())
        return thread_create(name, entry, argument) != NULL ? 0 : -ENOMEM;
    if (!core_is_online_inline(core))
        return -EINVAL;
    struct creation creation;
    creation.name = name;
    creation.entry = entry;
    creation.argument = argument;
    request_make(&creation.request, core, create_here);
    return creation.argument != NULL ? 0 : -ENOMEM;
}

// A freed block is its own message: the smallest block has room for one.
_Static_assert(sizeof(struct exchange_message) <= HEAP_ALIGNMENT, "fits every block");

static void free_here(struct exchange_message *message)
{
    heap_came_home(message);
}

static void free_remote(unsigned owner, void *block)
{
    struct exchange_message *message = block;
    message->receive = free_here;
    exchange_send(owner, message);
}

// A round through all cores and back, by one message of the core that began it. Others reach it by
// the address at which they see that core's variables.
struct round {
    struct exchange_message message;
    unsigned home, next;
};
static PERCORE struct round flush_round;

static void flush_next(struct round *round);

static void flush_here(struct exchange_message *message)
{
    cpu_write_cr3(cpu_read_cr3()); // all translations of this core are forgotten
    flush_next(CONTAINER_OF(message, struct round, message));
}

static void flush_done(struct exchange_message *message)
{
    (void)message;
    stack_flushed();
}

static void flush_next(struct round *round)
{
    while (round->next < core_count() &&
           (round->next == round->home || !core_is_online(round->next)))
        round->next++;
    if (round->next == core_count()) {
        round->message.receive = flush_done;
        exchange_send(round->home, &round->message);
    } else {
        round->message.receive = flush_here;
        exchange_send(round->next++, &round->message);
    }
}

static void flush_all_cores(void)
{
    struct round *round = (struct round *)(uintptr_t)core_local_of(core_index(), &flush_round);
    round->home = core_index();
    round->next = 0;
    flush_next(round);
}

struct console_text {
    struct exchange_message message;
    size_t size_bytes;
    bool *written;
    char text[];
};

static void write_here(struct exchange_message *message)
{
    struct console_text *text = CONTAINER_OF(message, struct console_text, message);
    console_write_once(text->written, text->text, text->size_bytes);
    heap_free(text);
}

static void write_on_core_0(bool *written, const char *text, size_t size_bytes)
{
    struct console_text *copy = heap_alloc(sizeof(*copy) + size_bytes);
    if (copy == NULL)
        return; // out of memory is the lesser evil than a core that waits for its log
    copy->message.receive = write_here;
    copy->size_bytes = size_bytes;
    copy->written = written;
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
    stack_set_flush(flush_all_cores);
    console_set_forward(write_on_core_0);
    power_set_run_on_core_0(run_on_core_0);
}
