// SPDX-License-Identifier: MIT
// What the machine has, for programs that size their caches and pools by it.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "kernel/core.h"
#include "kernel/numa.h"
#include "kernel/pages.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "posix/calls.h"
#include "posix/files.h"

// A program's work may run on every core (thread_create_on()), whatever thread asks.
long posix_call_sched_getaffinity(long thread, long size_bytes, long result)
{
    (void)thread;
    if (size_bytes < 8 || size_bytes % 8 != 0)
        return -EINVAL;
    uint64_t *set = (uint64_t *)result;
    size_t words = ((size_t)core_count() + 63) / 64;
    if (words > (size_t)size_bytes / 8)
        return -EINVAL;
    memset(set, 0, words * 8);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            set[core / 64] |= 1ull << core % 64;
    return (long)(words * 8);
}

long posix_call_getcpu(long core, long node, long unused)
{
    (void)unused;
    if (core)
        *(unsigned *)core = core_index();
    if (node)
        *(unsigned *)node = numa_node_of_core(core_index());
    return 0;
}

// The memory of all cores together: when one has none left, it borrows.
long posix_call_sysinfo(long result)
{
    struct sysinfo *info = (struct sysinfo *)result;
    memset(info, 0, sizeof(*info));
    info->uptime = (unsigned long)(time_now_ns() / NS_PER_S);
    info->mem_unit = 1;
    info->procs = 1;
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        struct page_stats stats = page_stats_of(core);
        info->totalram += stats.total_bytes;
        info->freeram += stats.free_bytes;
    }
    return 0;
}

// Nothing is limited but by what there is, and no limit can be set.
long posix_call_prlimit64(long process, long resource, long wanted, long result)
{
    (void)process;
    if (resource < 0 || resource >= RLIMIT_NLIMITS)
        return -EINVAL;
    if (wanted)
        return -EPERM;
    rlim_t limit = RLIM_INFINITY;
    if (resource == RLIMIT_NOFILE)
        limit = POSIX_DESCRIPTORS_MAX;
    else if (resource == RLIMIT_STACK)
        limit = thread_stack_bytes(thread_self());
    if (result)
        *(struct rlimit *)result = (struct rlimit){limit, limit};
    return 0;
}
