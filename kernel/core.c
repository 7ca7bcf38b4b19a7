// SPDX-License-Identifier: MIT
#include "kernel/core.h"

#include "kernel/image.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;

// Until the number of cores is known there is only core 0, whose pages are seen nowhere else.
static char *first_local_pages[1];
char **core_local_pages = first_local_pages;

bool core_is_online(unsigned core)
{
    return core_is_online_inline(core);
}

const void *core_local_of(unsigned core, const void *variable)
{
    if (!core_is_online(core))
        return NULL;
    return core_local_pages[core] + ((const char *)variable - percore_start);
}
