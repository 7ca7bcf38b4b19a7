// SPDX-License-Identifier: MIT
#include "apps/http/kv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "apps/http/kv_store.h"
#include "http/http.h"
#include "http/text.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/random.h"
#include "kernel/siphash.h"
#include "smp/exchange.h"

// A request on its way: to the key's owner, back, and, if a value was lent, there once more.
struct operation {
    struct exchange_message message;
    void (*perform)(struct operation *operation); // on the owner
    struct http_request *request;                 // of the origin; others only read it
    unsigned origin, owner;
    uint64_t hash;
    const char *key; // the request's
    size_t key_bytes;
    char *data; // to be put; a heap block
    size_t data_bytes;
    unsigned status;
    uint64_t version;       // of what is there now
    struct kv_value *value; // held until it was sent
    struct http_text keys;
};

// Read-only once the server runs.
static struct {
    struct siphash_key secret;
    size_t limit_bytes; // of each core
    unsigned count;
    uint16_t cores[CORES_MAX];
} shards;

static PERCORE struct kv_store store;

// This core's part. Returns: NULL without memory for it.
static struct kv_store *store_get(void)
{
    uint64_t first_version;
    if (store.buckets)
        return &store;
    random_bytes(&first_version, sizeof(first_version)); // an ETag of an earlier boot fits nothing
    return kv_store_start(&store, shards.limit_bytes, first_version) == 0 ? &store : NULL;
}

struct kv_counts kv_counts_get(void)
{
    struct kv_counts counts = {0};
    for (unsigned i = 0; i < shards.count; i++) {
        const struct kv_store *of = core_local_of(shards.cores[i], &store);
        counts.keys += of ? of->keys : 0;
        counts.used_bytes += of ? of->used_bytes : 0;
    }
    return counts;
}

// ---- on the owner -------------------------------------------------------------------------------

#define ETAG_BYTES 19

static void etag_write(char etag[ETAG_BYTES], uint64_t version)
{
    snprintf(etag, ETAG_BYTES, "\"%016" PRIx64 "\"", version);
}

// What the request's conditions say to the value that is there. Returns: 0, 304 or 412.
static unsigned judge(const struct operation *operation, const struct kv_value *value)
{
    char etag[ETAG_BYTES];
    if (value)
        etag_write(etag, value->version);
    return http_conditions(operation->request, value ? etag : NULL);
}

static struct kv_value *find(const struct operation *operation)
{
    return kv_get(&store, operation->hash, operation->key, operation->key_bytes);
}

static void perform_get(struct operation *operation)
{
    struct kv_value *value = store_get() ? find(operation) : NULL;
    operation->status = value ? judge(operation, value) : 404;
    if (value)
        operation->version = value->version;
    if (operation->status)
        return;
    operation->status = 200;
    operation->value = value;
    kv_hold(value);
}

static void perform_put(struct operation *operation)
{
    if (!store_get()) {
        operation->status = 507;
        return;
    }
    bool is_new = !find(operation);
    operation->status = judge(operation, find(operation));
    if (operation->status)
        return;
    struct kv_value *value = kv_put(&store, operation->hash, operation->key, operation->key_bytes,
                                    operation->data, operation->data_bytes);
    operation->status = !value ? 507 : is_new ? 201 : 204;
    if (!value)
        return;
    operation->data = NULL;
    operation->version = value->version;
}

static void perform_delete(struct operation *operation)
{
    struct kv_value *value = store_get() ? find(operation) : NULL;
    operation->status = value ? judge(operation, value) : 404;
    if (operation->status)
        return;
    kv_delete(&store, operation->hash, operation->key, operation->key_bytes);
    operation->status = 204;
}

static bool list_key(void *context, const char *key, size_t key_bytes)
{
    static const char plain[] = "-._~";
    struct operation *operation = context;
    if (key_bytes < operation->key_bytes || memcmp(key, operation->key, operation->key_bytes) != 0)
        return true;
    // As they are, a path with them leads elsewhere.
    bool is_dots = key_bytes <= 2 && memcmp(key, "..", key_bytes) == 0;
    for (size_t i = 0; i < key_bytes; i++) {
        unsigned letter = (unsigned char)key[i];
        bool is_word = (letter | 0x20u) - 'a' < 26 || letter - '0' < 10;
        if (letter && (is_word || (!is_dots && strchr(plain, (int)letter))))
            http_text_put(&operation->keys, &key[i], 1);
        else
            http_text_format(&operation->keys, "%%%02X", letter);
    }
    http_text_put(&operation->keys, "\n", 1);
    return !operation->keys.failed;
}

static void perform_list(struct operation *operation)
{
    if (store.buckets)
        kv_each(&store, list_key, operation);
    operation->status = operation->keys.failed ? 507 : 200;
}

// ---- on the core that has the connection --------------------------------------------------------

static void operation_free(struct operation *operation)
{
    heap_free(operation->data);
    http_text_free(&operation->keys);
    heap_free(operation);
}

static void value_came_home(struct exchange_message *message)
{
    struct operation *operation = CONTAINER_OF(message, struct operation, message);
    kv_let_go(operation->value);
    operation_free(operation);
}

static void value_release(void *context)
{
    struct operation *operation = context;
    operation->message.receive = value_came_home;
    if (operation->owner == core_index())
        value_came_home(&operation->message);
    else
        exchange_send(operation->owner, &operation->message);
}

static void answer(struct operation *operation)
{
    char fields[16 + ETAG_BYTES], etag[ETAG_BYTES];
    etag_write(etag, operation->version);
    snprintf(fields, sizeof(fields), "ETag: %s\r\n", etag);
    struct http_answer answered = {.status = operation->status};
    if (operation->status < 400 && operation->version)
        answered.fields = fields;
    if (operation->value) {
        answered.content_type = "application/octet-stream";
        answered.body = operation->value->data;
        answered.body_bytes = operation->value->size_bytes;
        answered.release = value_release;
        answered.context = operation;
    } else if (operation->keys.data && operation->status == 200) {
        answered.content_type = "text/plain; charset=utf-8";
        answered.body = operation->keys.data;
        answered.body_bytes = operation->keys.used_bytes;
    }
    bool lent = operation->value != NULL;
    http_answer(operation->request, &answered);
    if (!lent)
        operation_free(operation);
}

static void came_back(struct exchange_message *message)
{
    answer(CONTAINER_OF(message, struct operation, message));
}

static void arrived(struct exchange_message *message)
{
    struct operation *operation = CONTAINER_OF(message, struct operation, message);
    operation->perform(operation);
    message->receive = came_back;
    exchange_send(operation->origin, message);
}

// ---- routes -------------------------------------------------------------------------------------

// Returns: NULL after answering that there is no memory.
static struct operation *operation_make(struct http_request *request,
                                        void (*perform)(struct operation *operation))
{
    struct operation *operation = heap_alloc_zeroed(sizeof(*operation));
    if (!operation) {
        http_answer_status(request, 503);
        return NULL;
    }
    operation->perform = perform;
    operation->request = request;
    operation->origin = core_index();
    return operation;
}

static void operation_send(struct operation *operation)
{
    operation->message.receive = arrived;
    if (operation->owner != operation->origin) {
        exchange_send(operation->owner, &operation->message);
        return;
    }
    operation->perform(operation);
    answer(operation);
}

static unsigned key_accept(struct http_request *request)
{
    size_t key_bytes;
    http_parameter(request, "key", &key_bytes);
    return key_bytes > KV_KEY_BYTES_MAX ? 414 : 0;
}

// A part of a value is not put in place of the whole. Spec: RFC 9110, 14.5.
static unsigned put_accept(struct http_request *request)
{
    return http_header(request, "Content-Range", NULL) ? 400 : key_accept(request);
}

static void handle_key(struct http_request *request, void (*perform)(struct operation *operation))
{
    struct operation *operation = operation_make(request, perform);
    if (!operation)
        return;
    operation->key = http_parameter(request, "key", &operation->key_bytes);
    operation->hash = siphash(&shards.secret, operation->key, operation->key_bytes);
    operation->owner = shards.cores[(uint32_t)operation->hash % shards.count];
    if (perform == perform_put)
        operation->data = http_body_take(request, &operation->data_bytes);
    operation_send(operation);
}

static void handle_get(struct http_request *request)
{
    handle_key(request, perform_get);
}
static void handle_put(struct http_request *request)
{
    handle_key(request, perform_put);
}
static void handle_delete(struct http_request *request)
{
    handle_key(request, perform_delete);
}

// From core to core; the last one sends it back.
static void list_arrived(struct exchange_message *message)
{
    struct operation *operation = CONTAINER_OF(message, struct operation, message);
    operation->perform(operation);
    operation->owner++;
    bool more = operation->owner < shards.count && operation->status == 200;
    if (!more)
        message->receive = came_back;
    exchange_send(more ? shards.cores[operation->owner] : operation->origin, message);
}

static void handle_list(struct http_request *request)
{
    struct operation *operation = operation_make(request, perform_list);
    if (!operation)
        return;
    operation->key = http_query(request, "prefix", &operation->key_bytes);
    if (!operation->key)
        operation->key = "";
    operation->owner = 0; // here a place among shards.cores
    operation->message.receive = list_arrived;
    exchange_send(shards.cores[0], &operation->message);
}

void kv_serve(unsigned limit_mib)
{
    static const struct http_route routes[] = {
        {.method = "GET", .path = "/kv/:key", .handle = handle_get, .accept = key_accept},
        {.method = "PUT",
         .path = "/kv/:key",
         .handle = handle_put,
         .accept = put_accept,
         .body_bytes_max = KV_VALUE_BYTES_MAX},
        {.method = "DELETE", .path = "/kv/:key", .handle = handle_delete, .accept = key_accept},
        {.method = "GET", .path = "/kv/", .handle = handle_list},
    };
    if (limit_mib == 0)
        return;
    random_bytes(&shards.secret, sizeof(shards.secret));
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            shards.cores[shards.count++] = (uint16_t)core;
    shards.limit_bytes = ((size_t)limit_mib << 20) / shards.count;
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
        http_route_add(&routes[i]);
}
