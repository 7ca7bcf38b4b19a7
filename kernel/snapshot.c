// SPDX-License-Identifier: MIT
#include "kernel/snapshot.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/time.h"

#define ANSWER_TIMEOUT_NS (1 * NS_PER_S)
#define ANSWER_LOOKS_MAX  20000000u // where the clock does not run yet
#define FOR_GOOD          UINT32_MAX

// Its number, and who is asked: a core or SNAPSHOT_ALL, in the lower half.
static _Atomic uint64_t question;

// Of who asked last.
static uint64_t asked_ns;
static unsigned looks;

static PERCORE_ZERO struct snapshot own;
static PERCORE _Atomic uint32_t answered; // number of the question that `own` answers

void snapshot_take(struct snapshot *snapshot, const struct interrupt_frame *frame)
{
    snprintf(snapshot->thread, sizeof(snapshot->thread), "%s", thread_name(thread_self()));
    snapshot->interrupts_on = frame->rflags & RFLAGS_INTERRUPTS;
    backtrace_take(&snapshot->trace, frame->rip, frame->rbp, frame->rsp);
}

static void answer(const struct interrupt_frame *frame, uint32_t number)
{
    snapshot_take(&own, frame);
    atomic_store_explicit(&answered, number, memory_order_release); // pairs with snapshot_of
}

bool snapshot_answer(const struct interrupt_frame *frame)
{
    uint64_t asked =
        atomic_load_explicit(&question, memory_order_acquire); // pairs with snapshot_ask
    uint32_t number = (uint32_t)(asked >> 32), core = (uint32_t)asked;
    if (atomic_load_explicit(&answered, memory_order_relaxed) == number ||
        (core != core_index() && core != SNAPSHOT_ALL))
        return false;
    answer(frame, number);
    return true;
}

void snapshot_answer_for_good(const struct interrupt_frame *frame)
{
    answer(frame, FOR_GOOD);
}

void snapshot_ask(uint32_t core)
{
    uint64_t number = (atomic_load_explicit(&question, memory_order_relaxed) >> 32) + 1;
    asked_ns = time_now_ns();
    looks = 0;
    atomic_store_explicit(&question, number << 32 | core, memory_order_release);
    if (core != SNAPSHOT_ALL)
        apic_send_nmi(apic_id_of(core));
    else if (core_count() > 1)
        apic_send_nmi_to_others();
}

// A core that has not answered by then does not hear NMIs any more.
const struct snapshot *snapshot_wait(unsigned core)
{
    uint32_t last = (uint32_t)(atomic_load_explicit(&question, memory_order_relaxed) >> 32), number;
    const _Atomic uint32_t *of = core_local_of(core, &answered);
    for (;;) {
        number = atomic_load_explicit(of, memory_order_acquire); // pairs with answer
        if (number == last || number == FOR_GOOD)
            return core_local_of(core, &own);
        if (looks++ > ANSWER_LOOKS_MAX || time_now_ns() - asked_ns > ANSWER_TIMEOUT_NS)
            return NULL;
        cpu_pause();
    }
}

// ---- as text ------------------------------------------------------------------------------------

void snapshot_write_trace(const struct backtrace *trace,
                          void (*write)(const char *text, size_t size_bytes))
{
    char line[BACKTRACE_LINE_BYTES];
    for (unsigned i = 0; i < trace->count; i++) {
        backtrace_format(trace, i, line);
        write("  ", 2);
        write(line, strlen(line));
        write("\n", 1);
    }
}

static bool is_asked(unsigned core)
{
    uint32_t last = (uint32_t)(atomic_load_explicit(&question, memory_order_relaxed) >> 32);
    return core == core_index() ? atomic_load_explicit(&answered, memory_order_relaxed) == last
                                : core_is_online(core);
}

// Most cores are idle in the same place: those that are at the same are told together.
static void write_alike(unsigned first, bool told[CORES_MAX],
                        void (*write)(const char *text, size_t size_bytes))
{
    const struct snapshot *snapshot = snapshot_wait(first), *other;
    char text[16 + THREAD_NAME_BYTES];
    const char *comma = "";
    for (unsigned core = first; core < core_count(); core++) {
        if (!is_asked(core) || (other = snapshot_wait(core)) == NULL ||
            strcmp(other->thread, snapshot->thread) != 0 ||
            !backtrace_equal(&snapshot->trace, &other->trace))
            continue;
        told[core] = true;
        write(text, (size_t)snprintf(text, sizeof(text), "%score %u", comma, core));
        comma = ", ";
    }
    write(text, (size_t)snprintf(text, sizeof(text), ", thread \"%s\":\n", snapshot->thread));
    snapshot_write_trace(&snapshot->trace, write);
}

void snapshot_write_all(void (*write)(const char *text, size_t size_bytes))
{
    static bool told[CORES_MAX];
    char text[48];
    memset(told, 0, sizeof(told));
    for (unsigned core = 0; core < core_count(); core++) {
        if (!is_asked(core) || told[core])
            continue;
        if (snapshot_wait(core) != NULL)
            write_alike(core, told, write);
        else
            write(text, (size_t)snprintf(text, sizeof(text), "core %u does not answer\n", core));
    }
}
