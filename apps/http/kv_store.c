// SPDX-License-Identifier: MIT
#include "apps/http/kv_store.h"

#include <errno.h>
#include <string.h>

#include "kernel/heap.h"

// A bucket for so many bytes of the limit: chains stay short with values of any size, and the table
// need never grow.
#define BYTES_PER_BUCKET 256
#define BUCKETS_MIN      64
#define BUCKETS_MAX      (1u << 20)

struct kv_entry {
    struct kv_entry *next;
    struct kv_value *value;
    uint64_t hash;
    size_t key_bytes;
    char key[];
};

int kv_store_start(struct kv_store *store, size_t limit_bytes, uint64_t first_version)
{
    size_t count = BUCKETS_MIN;
    while (count < limit_bytes / BYTES_PER_BUCKET && count < BUCKETS_MAX)
        count *= 2;
    *store = (struct kv_store){
        .limit_bytes = limit_bytes, .version = first_version, .bucket_count = count};
    store->buckets = heap_alloc_zeroed(count * sizeof(struct kv_entry *));
    return store->buckets ? 0 : -ENOMEM;
}

// Where the pointer to the key's entry is, or would be: the low bits say which core, so not those.
static struct kv_entry **entry_find(const struct kv_store *store, uint64_t hash, const char *key,
                                    size_t key_bytes)
{
    struct kv_entry **at = &store->buckets[(hash >> 32) & (store->bucket_count - 1)];
    while (*at && ((*at)->hash != hash || (*at)->key_bytes != key_bytes ||
                   memcmp((*at)->key, key, key_bytes) != 0))
        at = &(*at)->next;
    return at;
}

struct kv_value *kv_get(const struct kv_store *store, uint64_t hash, const char *key,
                        size_t key_bytes)
{
    struct kv_entry *entry = *entry_find(store, hash, key, key_bytes);
    return entry ? entry->value : NULL;
}

static struct kv_entry *entry_make(uint64_t hash, const char *key, size_t key_bytes)
{
    struct kv_entry *entry = heap_alloc(sizeof(*entry) + key_bytes);
    if (!entry)
        return NULL;
    *entry = (struct kv_entry){.hash = hash, .key_bytes = key_bytes};
    memcpy(entry->key, key, key_bytes);
    return entry;
}

struct kv_value *kv_put(struct kv_store *store, uint64_t hash, const char *key, size_t key_bytes,
                        char *data, size_t size_bytes)
{
    struct kv_entry **at = entry_find(store, hash, key, key_bytes);
    size_t cost = sizeof(struct kv_entry) + sizeof(struct kv_value) + key_bytes + size_bytes;
    struct kv_value *old = *at ? (*at)->value : NULL;
    size_t freed = old && old->holders == 1 ? old->cost_bytes : 0;
    if (cost > store->limit_bytes || store->used_bytes - freed > store->limit_bytes - cost)
        return NULL;
    struct kv_value *value = heap_alloc(sizeof(*value));
    struct kv_entry *entry = *at ? *at : entry_make(hash, key, key_bytes);
    if (!value || !entry) {
        heap_free(value);
        if (!*at)
            heap_free(entry);
        return NULL;
    }
    *value = (struct kv_value){.store = store,
                               .holders = 1,
                               .version = ++store->version,
                               .size_bytes = size_bytes,
                               .cost_bytes = cost,
                               .data = data};
    entry->value = value;
    store->used_bytes += cost;
    if (old) {
        kv_let_go(old);
    } else {
        *at = entry;
        store->keys++;
    }
    return value;
}

bool kv_delete(struct kv_store *store, uint64_t hash, const char *key, size_t key_bytes)
{
    struct kv_entry **at = entry_find(store, hash, key, key_bytes);
    struct kv_entry *entry = *at;
    if (!entry)
        return false;
    *at = entry->next;
    store->keys--;
    kv_let_go(entry->value);
    heap_free(entry);
    return true;
}

void kv_each(const struct kv_store *store,
             bool (*visit)(void *context, const char *key, size_t key_bytes), void *context)
{
    for (size_t i = 0; i < store->bucket_count; i++)
        for (const struct kv_entry *entry = store->buckets[i]; entry; entry = entry->next)
            if (!visit(context, entry->key, entry->key_bytes))
                return;
}

void kv_hold(struct kv_value *value)
{
    value->holders++;
}

void kv_let_go(struct kv_value *value)
{
    if (--value->holders > 0)
        return;
    value->store->used_bytes -= value->cost_bytes;
    heap_free(value->data);
    heap_free(value);
}
