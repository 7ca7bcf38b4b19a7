// SPDX-License-Identifier: MIT
#include "kernel/nmi.h"

#include <stdatomic.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/snapshot.h"
#include "kernel/time.h"
#include "kernel/watchdog.h"

OPTION_CHOICE(nmi, "report|panic", "what an NMI from outside does");

// One from outside can reach all cores at once, and some twice, by what they are asked meanwhile.
#define SAME_NS (1 * NS_PER_S)

static PERCORE uint64_t last_ns; // when the last one was answered or told of
static _Atomic bool untold;      // any core sets it, core 0 clears it

bool nmi_is_untold(void)
{
    return atomic_load_explicit(&untold, memory_order_acquire); // pairs with from_outside
}

void nmi_tell(const struct interrupt_frame *frame)
{
    log_warn("nmi: from outside; this is what the cores are at");
    snapshot_ask(SNAPSHOT_ALL);
    (void)snapshot_answer(frame);
    snapshot_write_all(console_write);
    log_info("nmi: the machine goes on; option nmi=panic ends it");
    last_ns = time_now_ns();
    atomic_store_explicit(&untold, false, memory_order_relaxed);
}

static void from_outside(const struct interrupt_frame *frame)
{
    const char *meaning = option_get("nmi");
    if (meaning != NULL && strcmp(meaning, "panic") == 0)
        panic_exception(frame);
    uint64_t now_ns = time_now_ns();
    if (last_ns != 0 && now_ns - last_ns < SAME_NS)
        return;
    last_ns = now_ns;
    atomic_store_explicit(&untold, true, memory_order_release); // pairs with nmi_is_untold
    // A core 0 whose interrupts are off may never get another chance.
    if (core_index() == 0 && !(frame->rflags & RFLAGS_INTERRUPTS) && !console_is_busy())
        nmi_tell(frame);
    else
        apic_send(apic_id_of(0), VECTOR_TIMER);
}

void nmi_handle(const struct interrupt_frame *frame)
{
    panic_stop_if_told(frame);
    if (snapshot_answer(frame))
        last_ns = time_now_ns();
    else if (!watchdog_shaken(frame))
        from_outside(frame);
}
