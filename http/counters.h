// SPDX-License-Identifier: MIT
// What the server counted, a row a core. Only that core writes its row; any core may read all.
#pragma once

#include <stdatomic.h>

#include "kernel/compiler.h"
#include "kernel/core.h"

enum http_counter {
    HTTP_RESPONSES_1XX, // + status / 100 - 1
    HTTP_RESPONSES_2XX,
    HTTP_RESPONSES_3XX,
    HTTP_RESPONSES_4XX,
    HTTP_RESPONSES_5XX,
    HTTP_BYTES_SENT,
    HTTP_BYTES_RECEIVED,
    HTTP_CONNECTIONS_ACCEPTED,
    HTTP_CONNECTIONS_CLOSED,
    HTTP_CONNECTIONS_EVICTED, // idle ones, to make room
    HTTP_CONNECTIONS_REFUSED, // 503, or dropped without memory
    HTTP_TIMEOUTS,
    HTTP_TLS_HANDSHAKES, // done
    HTTP_TLS_FAILURES,   // of handshakes, and of records later
    HTTP_LOG_LINES_LOST, // of the access log: the console was too slow
    HTTP_COUNTERS,
};

struct http_counters {
    _Atomic uint64_t values[HTTP_COUNTERS];
} CACHE_ALIGNED;

extern struct http_counters http_counters[CORES_MAX];

// Relaxed, and not one atomic step: nobody else writes this core's row, readers want some recent
// value.
static inline void http_count(enum http_counter counter, uint64_t amount)
{
    _Atomic uint64_t *value = &http_counters[core_index()].values[counter];
    atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}
static inline uint64_t http_counted(unsigned core, enum http_counter counter)
{
    return atomic_load_explicit(&http_counters[core].values[counter], memory_order_relaxed);
}
// Responses of all kinds that a core sent.
uint64_t http_counted_responses(unsigned core);
// One counter summed over all cores.
uint64_t http_counted_total(enum http_counter counter);
