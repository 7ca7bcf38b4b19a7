// SPDX-License-Identifier: MIT
// Which core this is. Cores are numbered from 0 (the one firmware started); a core that did not
// come up leaves a gap, which core_is_online() tells.
#pragma once

#include "kernel/compiler.h"

#define CORES_MAX 1024

extern PERCORE unsigned core_this_index;
extern unsigned core_slot_count; // written by core 0 while booting, read-only afterwards
// Likewise, one entry a core: where its copy of the core-local pages can be seen from every core;
// NULL: no core.
extern char **core_local_pages;

static inline unsigned core_index(void)
{
    return core_this_index;
}
// Cores run with indices below this.
static inline unsigned core_count(void)
{
    return core_slot_count;
}
bool core_is_online(unsigned core);
// The same in place, for where the call would be a good part of the work.
static inline bool core_is_online_inline(unsigned core)
{
    return core < core_slot_count && core_local_pages[core] != NULL;
}

// Another core's copy of a core-local variable, to look at: counters, names. Only its own core
// writes it, so what is read may be a moment old. NULL when there is no such core.
const void *core_local_of(unsigned core, const void *variable);
