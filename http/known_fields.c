// SPDX-License-Identifier: MIT
#include "http/known_fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "kernel/heap.h"
#include "kernel/panic.h"

#define FIRST_CAPACITY 256

static const char names[HTTP_FIELDS][HTTP_FIELD_NAME_MAX + 1] = {
    [HTTP_FIELD_HOST] = "host",
    [HTTP_FIELD_EXPECT] = "expect",
    [HTTP_FIELD_ACCEPT_ENCODING] = "accept-encoding",
    [HTTP_FIELD_IF_MATCH] = "if-match",
    [HTTP_FIELD_IF_MODIFIED_SINCE] = "if-modified-since",
    [HTTP_FIELD_IF_NONE_MATCH] = "if-none-match",
    [HTTP_FIELD_IF_RANGE] = "if-range",
    [HTTP_FIELD_IF_UNMODIFIED_SINCE] = "if-unmodified-since",
    [HTTP_FIELD_RANGE] = "range",
    [HTTP_FIELD_REFERER] = "referer",
    [HTTP_FIELD_TRANSFER_ENCODING] = "transfer-encoding",
    [HTTP_FIELD_USER_AGENT] = "user-agent",
};

enum http_field http_field_named(const char *name, size_t length)
{
    if (length == 0 || length > HTTP_FIELD_NAME_MAX)
        return HTTP_FIELD_OTHER;
    for (enum http_field field = HTTP_FIELD_OTHER + 1; field < HTTP_FIELDS; field++) {
        const char *expected = names[field];
        if ((name[0] | 0x20) == expected[0] && expected[length] == '\0' &&
            strncasecmp(name, expected, length) == 0)
            return field;
    }
    return HTTP_FIELD_OTHER;
}

// Makes room for `more` bytes. Returns: the block, which may be another one, or NULL.
static struct http_known_fields *fields_reserve(struct http_known_fields *fields, size_t more)
{
    size_t needed = (fields ? fields->used : 1) + more;
    if (fields && needed <= fields->capacity)
        return fields;
    size_t capacity = fields ? fields->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    ASSERT(capacity <= UINT16_MAX);
    struct http_known_fields *block = heap_alloc(sizeof(*block) + capacity);
    if (!block)
        return NULL;
    if (fields)
        memcpy(block, fields, sizeof(*fields) + fields->used);
    else
        *block = (struct http_known_fields){.used = 1}; // start 0 says that there is none
    block->capacity = (uint16_t)capacity;
    heap_free(fields);
    return block;
}

// Puts text at a place, moving what is behind it.
static void fields_insert(struct http_known_fields *fields, size_t place, const char *text,
                          size_t length)
{
    if (length == 0) // `text` may be NULL
        return;
    memmove(fields->text + place + length, fields->text + place, fields->used - place);
    memcpy(fields->text + place, text, length);
    fields->used += (uint16_t)length;
    for (int i = 0; i < HTTP_FIELDS; i++) {
        if (fields->starts[i] >= place)
            fields->starts[i] += (uint16_t)length;
    }
}

int http_known_fields_keep(struct http_known_fields **fields, enum http_field field,
                           const char *value, size_t length)
{
    static const char separator[2] = ", ";
    struct http_known_fields *block = fields_reserve(*fields, sizeof(separator) + length);
    if (!block)
        return -ENOMEM;
    *fields = block;
    uint16_t start = block->starts[field];
    size_t end = start ? start + block->lengths[field] : block->used;
    if (start) {
        fields_insert(block, end, separator, sizeof(separator));
        block->lengths[field] += sizeof(separator);
        end += sizeof(separator);
    }
    fields_insert(block, end, value, length);
    block->lengths[field] += (uint16_t)length;
    block->starts[field] = start ? start : (uint16_t)end; // an empty one was moved, too
    return 0;
}

struct http_slice http_known_fields_get(const struct http_known_fields *fields,
                                        enum http_field field)
{
    if (!fields || !fields->starts[field])
        return (struct http_slice){NULL, 0};
    return (struct http_slice){fields->text + fields->starts[field], fields->lengths[field]};
}
