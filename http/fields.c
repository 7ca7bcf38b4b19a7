// SPDX-License-Identifier: MIT
#include "http/fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/target.h"
#include "kernel/heap.h"

// Followed by name, NUL, value, NUL. At any address: it is copied out and in.
struct field {
    uint8_t kind;
    uint16_t name_bytes, value_bytes;
};

static bool reserve(struct http_fields *fields, size_t size_bytes)
{
    size_t needed = fields->used_bytes + size_bytes;
    if (fields->failed || needed <= fields->capacity_bytes)
        return !fields->failed;
    size_t capacity = fields->capacity_bytes ? fields->capacity_bytes : 512;
    while (capacity < needed)
        capacity *= 2;
    char *block = heap_alloc(capacity);
    if (!block) {
        fields->failed = true;
        return false;
    }
    if (fields->used_bytes)
        memcpy(block, fields->data, fields->used_bytes);
    heap_free(fields->data);
    fields->data = block;
    fields->capacity_bytes = (uint32_t)capacity;
    return true;
}

static void put(struct http_fields *fields, const void *data, size_t size_bytes)
{
    if (!reserve(fields, size_bytes))
        return;
    memcpy(fields->data + fields->used_bytes, data, size_bytes);
    fields->used_bytes += (uint32_t)size_bytes;
}

static struct field field_at(const struct http_fields *fields, uint32_t at)
{
    struct field field;
    memcpy(&field, fields->data + at, sizeof(field));
    return field;
}

static void field_set(struct http_fields *fields, const struct field *field)
{
    memcpy(fields->data + fields->open, field, sizeof(*field));
}

void http_fields_open(struct http_fields *fields, enum http_field_kind kind)
{
    struct field field = {.kind = (uint8_t)kind};
    fields->open = fields->used_bytes;
    fields->in_value = false;
    put(fields, &field, sizeof(field));
}

void http_fields_add_name(struct http_fields *fields, const char *data, size_t size_bytes)
{
    put(fields, data, size_bytes);
}

// The name ends where its NUL is put.
static void name_end(struct http_fields *fields)
{
    if (fields->in_value)
        return;
    struct field field = field_at(fields, fields->open);
    fields->in_value = true;
    field.name_bytes = (uint16_t)(fields->used_bytes - fields->open - sizeof(field));
    put(fields, "", 1);
    if (!fields->failed)
        field_set(fields, &field);
}

void http_fields_add_value(struct http_fields *fields, const char *data, size_t size_bytes)
{
    if (fields->failed)
        return;
    name_end(fields);
    put(fields, data, size_bytes);
}

void http_fields_close(struct http_fields *fields)
{
    if (fields->failed)
        return;
    name_end(fields);
    if (fields->failed)
        return;
    struct field field = field_at(fields, fields->open);
    const char *value = fields->data + fields->open + sizeof(field) + field.name_bytes + 1;
    size_t length = (size_t)(fields->data + fields->used_bytes - value);
    while (field.kind == HTTP_IN_HEADER && length > 0 &&
           (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    fields->used_bytes = (uint32_t)(value + length - fields->data);
    field.value_bytes = (uint16_t)length;
    field_set(fields, &field);
    put(fields, "", 1);
}

// Appends the decoded text. Returns: 0, or -EINVAL.
static int put_decoded(struct http_fields *fields, const char *data, size_t size_bytes, bool plus)
{
    if (!reserve(fields, size_bytes))
        return 0;
    int length = http_decode(data, size_bytes, plus, fields->data + fields->used_bytes);
    if (length < 0)
        return length;
    fields->used_bytes += (uint32_t)length;
    return 0;
}

int http_fields_decode(struct http_fields *fields, enum http_field_kind kind, const char *name,
                       size_t name_bytes, const char *value, size_t value_bytes)
{
    bool plus = kind == HTTP_IN_QUERY;
    http_fields_open(fields, kind);
    if (put_decoded(fields, name, name_bytes, plus) != 0)
        return -EINVAL;
    http_fields_add_value(fields, "", 0);
    if (put_decoded(fields, value, value_bytes, plus) != 0)
        return -EINVAL;
    http_fields_close(fields);
    return 0;
}

const char *http_fields_find(const struct http_fields *fields, enum http_field_kind kind,
                             const char *name, size_t *length)
{
    size_t name_bytes = strlen(name);
    struct field field;
    for (uint32_t at = 0; !fields->failed && at < fields->used_bytes;
         at += (uint32_t)(sizeof(field) + field.name_bytes + field.value_bytes + 2)) {
        field = field_at(fields, at);
        const char *found = fields->data + at + sizeof(field);
        if (field.kind != kind || field.name_bytes != name_bytes)
            continue;
        if (kind == HTTP_IN_HEADER ? strncasecmp(found, name, name_bytes) != 0
                                   : memcmp(found, name, name_bytes) != 0)
            continue;
        if (length)
            *length = field.value_bytes;
        return found + name_bytes + 1;
    }
    return NULL;
}

void http_fields_free(struct http_fields *fields)
{
    heap_free(fields->data);
    *fields = (struct http_fields){0};
}
