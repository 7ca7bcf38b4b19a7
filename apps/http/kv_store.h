// SPDX-License-Identifier: MIT
// Keys and values in memory: one core's part of /kv. Nothing here knows of HTTP or of other cores.
#pragma once

#include "kernel/compiler.h"

// A value as it was put; never changed afterwards.
struct kv_value {
    struct kv_store *store;
    unsigned holders;  // the table and everyone who reads it; the store's core alone counts them
    uint64_t version;  // no two values of a store have the same
    size_t size_bytes; // of `data`
    size_t cost_bytes; // what it counts against the limit, its key included
    char *data;        // heap; NULL if empty
};

struct kv_store {
    size_t limit_bytes, used_bytes; // values that somebody still reads included
    size_t keys;
    uint64_t version; // the last one's
    size_t bucket_count;
    struct kv_entry **buckets;
};

// An empty store. Returns: 0 or -ENOMEM.
int kv_store_start(struct kv_store *store, size_t limit_bytes, uint64_t first_version) MUST_CHECK;

// `hash` is the key's, the same each time. Returns: the value, or NULL. To keep it beyond the next
// change: kv_hold().
struct kv_value *kv_get(const struct kv_store *store, uint64_t hash, const char *key,
                        size_t key_bytes);
// Puts a value in place of the one there was, if any. Owns: `data`, a heap block, is the store's if
// it succeeds. Returns: the value, or NULL when it would be more than the limit, or memory is out.
struct kv_value *kv_put(struct kv_store *store, uint64_t hash, const char *key, size_t key_bytes,
                        char *data, size_t size_bytes) MUST_CHECK;
// Returns: false if there is no such key.
bool kv_delete(struct kv_store *store, uint64_t hash, const char *key, size_t key_bytes);
// Calls visit() for each key, until it returns false.
void kv_each(const struct kv_store *store,
             bool (*visit)(void *context, const char *key, size_t key_bytes), void *context);

void kv_hold(struct kv_value *value);
// The last one frees it. Context: the store's core.
void kv_let_go(struct kv_value *value);
