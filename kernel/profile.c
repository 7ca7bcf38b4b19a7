// SPDX-License-Identifier: MIT
// Taking samples. profile_dump.c makes text of them.
#include "kernel/profile.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/interrupts.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/profile_ring.h"
#include "kernel/thread_internal.h"
#include "kernel/time.h"

#define SAMPLES_DEFAULT 4096
#define SAMPLES_MIN     64
#define SAMPLES_MAX     (1u << 20)
#define HZ_MIN          1
#define HZ_MAX          10000

OPTION_NUMBER(profile, HZ_MIN, HZ_MAX, "look at each core so often a second: where is it?");
OPTION_NUMBER(profile_samples, SAMPLES_MIN, SAMPLES_MAX,
              "samples that profile=HZ keeps of each core");
// The instructions that halt, as they lie before where an interrupt found the core.
#define HLT_OPCODE 0xf4
#define MWAIT_LAST 0xc9 // of 0f 01 c9

_Static_assert(sizeof(struct profile_sample) == 128, "a power of two");

PERCORE struct profile_ring profile_ring;
unsigned profile_hz;

static PERCORE uint64_t next_sample_ns;

static INTERRUPT_CONTEXT bool is_text(uint64_t address)
{
    return address > (uintptr_t)text_start && address < (uintptr_t)text_end;
}

static INTERRUPT_CONTEXT bool is_halted(uint64_t rip)
{
    const uint8_t *after = (const uint8_t *)rip;
    return is_text(rip - 3) &&
           (after[-1] == HLT_OPCODE ||
            (after[-3] == 0x0f && after[-2] == 0x01 && after[-1] == MWAIT_LAST));
}

static INTERRUPT_CONTEXT void add_place(struct profile_sample *sample, uint64_t address)
{
    sample->places[sample->depth++] = (uint32_t)(address - (uintptr_t)image_start);
}

// The callers by frame pointers, as long as they lie on the stack that is known to be there.
static INTERRUPT_CONTEXT void add_callers(struct profile_sample *sample, uint64_t rbp, uint64_t rsp,
                                          uint64_t top)
{
    uint64_t lowest = rsp;
    while (rbp >= lowest && rbp + 16 <= top && rbp % 8 == 0) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (!is_text(frame[1]))
            return;
        if (sample->depth == PROFILE_PLACES) {
            sample->is_cut = true;
            return;
        }
        add_place(sample, frame[1] - 1); // in the call
        lowest = rbp + 16;
        rbp = frame[0];
    }
}

static INTERRUPT_CONTEXT void take_sample(const struct interrupt_frame *frame)
{
    if (is_halted(frame->rip)) {
        profile_ring.halted++;
        return;
    }
    uint64_t next = profile_ring.next;
    struct profile_sample *sample = &profile_ring.samples[next & profile_ring.mask];
    const struct thread *thread = thread_current;
    uint64_t bottom = thread->stack.bottom, top = thread->stack.top;
    if (top == 0) { // the loop's
        top = stack_loop_top(core_index());
        bottom = top - STACK_LOOP_BYTES;
    }
    for (unsigned i = 0; i < sizeof(sample->thread); i++)
        sample->thread[i] = thread->name[i];
    sample->depth = 0;
    sample->is_cut = false;
    sample->stack_word = 0;
    if (is_text(frame->rip))
        add_place(sample, frame->rip);
    // In the middle of a switch the stack is another thread's.
    if (frame->rsp >= bottom && frame->rsp + 8 <= top && frame->rsp % 8 == 0) {
        uint64_t word = *(const uint64_t *)frame->rsp;
        if (is_text(word))
            sample->stack_word = (uint32_t)(word - (uintptr_t)image_start);
        add_callers(sample, frame->rbp, frame->rsp, top);
    }
    __atomic_store_n(&profile_ring.next, next + 1, __ATOMIC_RELEASE); // pairs with dump_core
}

// The frame of the interrupt, by the frame pointers of the functions between: interrupts.h.
static INTERRUPT_CONTEXT const struct interrupt_frame *interrupted_frame(void)
{
    const uint64_t *frame = __builtin_frame_address(0);
    while (frame[1] != (uintptr_t)vector_return)
        frame = (const uint64_t *)frame[0];
    return (const struct interrupt_frame *)frame[0];
}

// One that somebody else's deadline brought is no sample.
INTERRUPT_CONTEXT void profile_tick(void)
{
    if (profile_ring.samples == NULL)
        return;
    uint64_t now_ns = time_now_ns(), period_ns = NS_PER_S / profile_hz;
    if (now_ns >= next_sample_ns) {
        take_sample(interrupted_frame());
        next_sample_ns += period_ns;
        if (next_sample_ns <= now_ns) // this core was held up
            next_sample_ns = now_ns + period_ns;
    }
    time_arm_sample(next_sample_ns);
}

// On each core, in its loop.
static void start_core(void *argument)
{
    uint64_t count = *(const uint64_t *)argument;
    struct profile_sample *samples =
        page_alloc(ALIGN_UP(count * sizeof(*samples), PAGE_BYTES) / PAGE_BYTES);
    if (samples == NULL) {
        log_warn("profile: no memory for %llu samples on core %u: it is left out",
                 (unsigned long long)count, core_index());
        return;
    }
    profile_ring.samples = samples;
    profile_ring.mask = count - 1;
    // Cores that take their samples at different times do not hold each other up.
    cpu_interrupts_off();
    next_sample_ns = time_now_ns() + NS_PER_S / profile_hz * (core_index() + 1) / core_count();
    time_arm_sample(next_sample_ns);
    cpu_interrupts_on();
}

void profile_start(void (*run_on_core)(unsigned core, void (*function)(void *argument),
                                       void *argument))
{
    if (option_get("profile") == NULL)
        return;
    profile_hz = (unsigned)option_get_number("profile", 99, HZ_MIN, HZ_MAX);
    uint64_t wanted =
        option_get_number("profile_samples", SAMPLES_DEFAULT, SAMPLES_MIN, SAMPLES_MAX);
    uint64_t count = SAMPLES_MIN;
    while (count < wanted)
        count *= 2;
    log_info("profile: each core %u times a second, the last %llu kept", profile_hz,
             (unsigned long long)count);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            run_on_core(core, start_core, &count);
}
