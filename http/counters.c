// SPDX-License-Identifier: MIT
#include "http/counters.h"

struct http_counters http_counters[CORES_MAX];

uint64_t http_counted_responses(unsigned core)
{
    uint64_t sum = 0;
    for (int i = HTTP_RESPONSES_1XX; i <= HTTP_RESPONSES_5XX; i++)
        sum += http_counted(core, (enum http_counter)i);
    return sum;
}

uint64_t http_counted_total(enum http_counter counter)
{
    uint64_t sum = 0;
    for (unsigned core = 0; core < core_count(); core++)
        sum += http_counted(core, counter);
    return sum;
}
