// SPDX-License-Identifier: MIT
// The one process that the machine is.
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "kernel/compiler.h"
#include "kernel/power.h"
#include "kernel/random.h"
#include "net/net.h"
#include "posix/calls.h"

#pragma weak net_hostname // not linked into every app

#define PROCESS_ID 1

// exit() ends the thread that is the process: threads of the kernel end by thread_exit().
long posix_call_exit(long status)
{
    power_end((int)(status & 0xff));
}

long posix_call_exit_group(long status)
{
    power_end((int)(status & 0xff));
}

int posix_call_getpid(void)
{
    return PROCESS_ID;
}

int posix_call_getppid(void)
{
    return 0;
}

int posix_call_gettid(void)
{
    return PROCESS_ID;
}

long posix_call_set_tid_address(long address)
{
    (void)address;
    return PROCESS_ID;
}

int posix_call_getuid(void)
{
    return 0;
}

int posix_call_geteuid(void)
{
    return 0;
}

int posix_call_getgid(void)
{
    return 0;
}

int posix_call_getegid(void)
{
    return 0;
}

long posix_call_uname(long result)
{
    struct utsname *name = (struct utsname *)result;
    memset(name, 0, sizeof(*name));
    strcpy(name->sysname, "Toril");
    strncpy(name->nodename, net_hostname == NULL ? "toril" : net_hostname(),
            sizeof(name->nodename) - 1);
    strcpy(name->release, "1");
    strcpy(name->version, "1");
    strcpy(name->machine, "x86_64");
    return 0;
}

// Keys must not come from a generator that nothing seeded: it says so instead of waiting for ever.
long posix_call_getrandom(long buffer, long size_bytes, long flags)
{
    if (size_bytes < 0 || flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (!random_is_strong() && !(flags & GRND_INSECURE))
        return -EAGAIN;
    random_bytes((void *)buffer, (size_t)size_bytes);
    return size_bytes;
}
