// SPDX-License-Identifier: MIT
// What a non-maskable interrupt is for here: another core that panics stops this one; a report asks
// what this core is at (snapshot.h); core 0 is shaken (watchdog.h). Any other comes from outside, a
// button or the hypervisor's monitor, and means a question too: core 0 tells on the console what
// every core is at, and all go on; with option nmi=panic it ends the machine.
#pragma once

#include "kernel/interrupts.h"

// Context: the handler; may be in another handler.
void nmi_handle(const struct interrupt_frame *frame);

// true if one from outside is still to be told of. Context: any.
bool nmi_is_untold(void);
// Tells of it. Context: a handler of core 0, which may write on the console.
void nmi_tell(const struct interrupt_frame *frame);
