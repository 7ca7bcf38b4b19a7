// SPDX-License-Identifier: MIT
// Signals that the program sends to itself, and SIGTERM on core 0 when somebody wishes the machine
// to end (kernel/stop.h): nobody else is there to send any. A handler runs inside the call that
// made the signal deliverable. The default action ends the machine, but for SIGTERM with a report,
// so that abort() says where it was called.
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "kernel/compiler.h"
#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/stop.h"
#include "posix/calls.h"

#define SIGNALS_MAX 64
#define PROCESS_ID  1

// As the rt_sigaction call passes it on x86-64.
struct signal_action {
    union {
        void (*handler)(int signal);
        void (*informed)(int signal, siginfo_t *information, void *context);
    };
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static PERCORE struct signal_action actions[SIGNALS_MAX + 1];
static PERCORE uint64_t blocked, pending; // bit signal - 1

static uint64_t bit_of(long signal)
{
    return 1ull << (signal - 1);
}

static bool is_ignored(int signal)
{
    if (actions[signal].handler == SIG_IGN)
        return true;
    return actions[signal].handler == SIG_DFL &&
           (signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT);
}

static void deliver(int signal)
{
    struct signal_action action = actions[signal];
    if (is_ignored(signal))
        return;
    if (signal == SIGABRT && action.handler == SIG_DFL)
        panic("posix: the program called abort()");
    if (signal == SIGTERM && action.handler == SIG_DFL) {
        stop_request("SIGTERM");
        return;
    }
    if (action.handler == SIG_DFL)
        panic("posix: the program ended itself with a signal: %d", signal);

    if (action.flags & SA_RESETHAND)
        actions[signal].handler = SIG_DFL;
    uint64_t blocked_before = blocked;
    blocked |= action.mask | (action.flags & SA_NODEFER ? 0 : bit_of(signal));
    siginfo_t information = {.si_signo = signal, .si_code = SI_TKILL, .si_pid = PROCESS_ID};
    if (action.flags & SA_SIGINFO)
        action.informed(signal, &information, NULL);
    else
        action.handler(signal);
    blocked = blocked_before;
}

static void deliver_pending(void)
{
    while (pending & ~blocked) {
        int signal = __builtin_ctzll(pending & ~blocked) + 1;
        pending &= ~bit_of(signal);
        deliver(signal);
    }
}

long posix_call_kill(long process, long signal)
{
    if (signal < 0 || signal > SIGNALS_MAX)
        return -EINVAL;
    if (process != PROCESS_ID && process != 0 && process != -PROCESS_ID)
        return -ESRCH;
    if (signal) {
        pending |= bit_of(signal);
        deliver_pending();
    }
    return 0;
}

static void terminate(void)
{
    (void)posix_call_kill(PROCESS_ID, SIGTERM);
}

long posix_call_tkill(long thread, long signal)
{
    return thread <= 0 ? -EINVAL : posix_call_kill(PROCESS_ID, signal); // all are one process
}

long posix_call_tgkill(long process, long thread, long signal)
{
    return process != PROCESS_ID ? -ESRCH : posix_call_tkill(thread, signal);
}

long posix_call_rt_sigaction(long signal, long action, long previous, long mask_bytes)
{
    if (signal < 1 || signal > SIGNALS_MAX || mask_bytes != sizeof(uint64_t))
        return -EINVAL;
    if (action && (signal == SIGKILL || signal == SIGSTOP))
        return -EINVAL;
    if (previous)
        memcpy((void *)previous, &actions[signal], sizeof(actions[signal]));
    if (action)
        memcpy(&actions[signal], (const void *)action, sizeof(actions[signal]));
    if (action && signal == SIGTERM && core_index() == 0)
        stop_set_handler(actions[SIGTERM].handler == SIG_DFL ? NULL : terminate);
    return 0;
}

long posix_call_rt_sigprocmask(long how, long set, long previous, long mask_bytes)
{
    if (mask_bytes != sizeof(uint64_t))
        return -EINVAL;
    if (previous)
        *(uint64_t *)previous = blocked;
    if (!set)
        return 0;
    uint64_t mask = *(const uint64_t *)set & ~(bit_of(SIGKILL) | bit_of(SIGSTOP));
    switch (how) {
    case SIG_BLOCK:
        blocked |= mask;
        break;
    case SIG_UNBLOCK:
        blocked &= ~mask;
        break;
    case SIG_SETMASK:
        blocked = mask;
        break;
    default:
        return -EINVAL;
    }
    deliver_pending();
    return 0;
}
