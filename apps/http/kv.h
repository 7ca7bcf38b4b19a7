// SPDX-License-Identifier: MIT
// The resource /kv: keys and values in memory, the example of a microservice with a state.
//   PUT /kv/KEY      201, or 204 in place of another value; 507 when memory is used up
//   GET /kv/KEY      the value, with an ETag
//   DELETE /kv/KEY   204
//   GET /kv/         the keys, percent-encoded, one a line; ?prefix=TEXT: those that begin so
// A key is any bytes, percent-encoded in the path. If-Match and If-None-Match make a PUT or DELETE
// depend on what is there (412): compare and set.
//
// The keys are shared out over all cores by their hash. The core that has the connection sends the
// request to the key's owner by an exchange slot, and the answer comes back the same way; the owner
// does one after another, so each key is linearizable. A value is sent from the owner's memory; it
// is told when that was read.
#pragma once

#include "kernel/compiler.h"

#define KV_KEY_BYTES_MAX   512       // longer is 414
#define KV_VALUE_BYTES_MAX (1 << 20) // larger is 413

// Adds the routes. `limit_mib`: of all cores together, 0: no such resource.
// Context: core 0, before the server starts.
void kv_serve(unsigned limit_mib);

struct kv_counts {
    uint64_t keys, used_bytes;
};
// Of all cores; may be a moment old.
struct kv_counts kv_counts_get(void);
