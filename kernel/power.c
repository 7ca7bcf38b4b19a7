// SPDX-License-Identifier: MIT
#include "kernel/power.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/paging.h"
#include "kernel/profile.h"
#include "kernel/trace.h"
#include "kernel/watchdog.h"

OPTION_CHOICE(exit, "poweroff|reset|halt|debug", "what follows the app's end");
OPTION_CHOICE(on_panic, "halt|reset|debug", "what follows a panic");

#define DEBUG_EXIT_PORT  0xf4 // QEMU's isa-debug-exit: value V ends QEMU with status V * 2 + 1
#define DEBUG_EXIT_PANIC 127
#define DEBUG_EXIT_MAX   100 // larger statuses are read from the log line

#pragma weak profile_dump // not linked into every app

static void (*firmware_reset)(enum firmware_reset kind);
static void (*run_on_core_0)(void (*function)(void *argument), void *argument);

void power_start(const struct boot_info *info)
{
    firmware_reset = info->reset;
}

void power_set_run_on_core_0(void (*run)(void (*function)(void *argument), void *argument))
{
    run_on_core_0 = run;
}

static void call_reset(void *argument)
{
    firmware_reset(*(enum firmware_reset *)argument);
}

static _Noreturn void halt_forever(void)
{
    for (;;) {
        cpu_interrupts_off();
        cpu_halt();
    }
}

// Without the firmware's help: the chipset's reset register, then the keyboard controller's reset
// line. Machines without either are reset by a CPU that shuts down.
static void reset_by_ports(void)
{
    cpu_out8(0xcf9, 0x02); // a hard reset,
    cpu_out8(0xcf9, 0x06); // now
    cpu_out8(0x64, 0xfe);
    cpu_triple_fault();
}

static void end_as(const char *how, int status)
{
    if (strcmp(how, "debug") == 0)
        cpu_out32(DEBUG_EXIT_PORT, (uint32_t)status);
    enum firmware_reset kind = FIRMWARE_RESET_SHUTDOWN;
    if (strcmp(how, "reset") == 0)
        kind = FIRMWARE_RESET_COLD;
    else if (strcmp(how, "poweroff") != 0)
        return;
    if (firmware_reset != NULL && paging_call_firmware(call_reset, &kind) != 0)
        log_warn("power: no memory to call the firmware");
    if (kind == FIRMWARE_RESET_COLD)
        reset_by_ports();
}

struct ending {
    const char *how;
    int status;
};

static void end_on_core_0(void *argument)
{
    const struct ending *ending = argument;
    watchdog_stop();
    trace_dump(UINT64_MAX, console_write);
    if (profile_dump != NULL && option_get("profile") != NULL)
        profile_dump();
    if (strcmp(ending->how, "halt") == 0) {
        log_info("toril: halted (option exit=halt): it is safe to switch off");
        halt_forever();
    }
    end_as(ending->how, ending->status);
    log_warn("power: option exit=%s did not end the machine: halted", ending->how);
    halt_forever();
}

void power_run_on_core_0(void (*function)(void *argument), void *argument)
{
    if (core_index() != 0 && run_on_core_0 != NULL)
        run_on_core_0(function, argument);
    else
        function(argument);
}

void power_end(int status)
{
    const char *how = option_get("exit");
    struct ending ending = {
        .how = how != NULL ? how : "poweroff",
        .status = status >= 0 && status <= DEBUG_EXIT_MAX ? status : DEBUG_EXIT_MAX + 1,
    };
    log_info("toril: main returned %d", status);
    power_run_on_core_0(end_on_core_0, &ending);
    halt_forever();
}

void power_end_panic(void)
{
    const char *how = option_get("on_panic");
    if (how == NULL)
        how = "halt";
    if (strcmp(how, "debug") == 0)
        cpu_out32(DEBUG_EXIT_PORT, DEBUG_EXIT_PANIC);
    if (strcmp(how, "reset") == 0)
        reset_by_ports(); // the firmware wants memory and core 0, and may be what failed
    halt_forever();
}
