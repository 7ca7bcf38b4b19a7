// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 2, CPUID leaves 1 and 5, MONITOR, MWAIT; volume 3, 9.10.
#include "kernel/idle.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/options.h"

OPTION_CHOICE(idle, "auto|halt|mwait", "how a core waits that has nothing to do");

#define FEATURE_MWAIT      (1u << 3)
#define FEATURE_HYPERVISOR (1u << 31)

bool idle_uses_mwait;

// Not where a hypervisor is between: it sees no end of the work in a guest that waits in MWAIT. Nor
// where no line is named that could be watched. And Intel's Goldmont and Lunar Lake miss stores.
static bool should_mwait(uint32_t signature, uint32_t features)
{
    uint32_t a, b, c, d, model = signature & 0x0fff0ff0; // family and model, without stepping
    if (!(features & FEATURE_MWAIT) || features & FEATURE_HYPERVISOR)
        return false;
    if (model == 0x506c0 || model == 0xb06d0)
        return false;
    cpu_id(5, 0, &a, &b, &c, &d);
    return (a & 0xffff) > 0;
}

void idle_start(void)
{
    uint32_t signature, features, b, d;
    cpu_id(1, 0, &signature, &b, &features, &d);
    const char *how = option_get("idle");
    if (how == NULL || strcmp(how, "auto") == 0) {
        idle_uses_mwait = should_mwait(signature, features);
        return;
    }
    bool wanted = strcmp(how, "mwait") == 0;
    idle_uses_mwait = wanted && features & FEATURE_MWAIT;
    if (wanted && !idle_uses_mwait)
        log_warn("idle: idle=mwait, but this CPU offers no MWAIT: its cores halt instead");
}
