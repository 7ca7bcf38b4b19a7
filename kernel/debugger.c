// SPDX-License-Identifier: MIT
#include "kernel/debugger.h"

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/options.h"

OPTION_CHOICE(gdb, "on|off", "wait for gdb before the boot goes on");

static int debugger_came; // gdb writes it

void debugger_wait(void)
{
    if (!option_get_bool("gdb", false))
        return;
    log_info("debugger: waiting for gdb (option gdb=on)");
    while (__atomic_load_n(&debugger_came, __ATOMIC_RELAXED) == 0)
        cpu_pause();
}
