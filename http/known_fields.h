// SPDX-License-Identifier: MIT
// The header fields of a request that the server itself looks at, kept until it is answered: which
// representation they are about is known only when all were read. One heap block, and none for a
// request that has no such field.
#pragma once

#include "kernel/compiler.h"
#include "kernel/heap.h"

enum http_field {
    HTTP_FIELD_OTHER, // of no interest
    HTTP_FIELD_HOST,
    HTTP_FIELD_EXPECT,
    HTTP_FIELD_ACCEPT_ENCODING,
    HTTP_FIELD_IF_MATCH,
    HTTP_FIELD_IF_MODIFIED_SINCE,
    HTTP_FIELD_IF_NONE_MATCH,
    HTTP_FIELD_IF_RANGE,
    HTTP_FIELD_IF_UNMODIFIED_SINCE,
    HTTP_FIELD_RANGE,
    HTTP_FIELD_REFERER,
    HTTP_FIELD_TRANSFER_ENCODING,
    HTTP_FIELD_USER_AGENT,
    HTTP_FIELD_TARGET, // no field: the request's target, as sent
    HTTP_FIELDS,
};

#define HTTP_FIELD_NAME_MAX 19 // the longest of their names

struct http_slice {
    const char *at; // NULL: there is no such thing
    size_t length;
};

struct http_known_fields {
    uint16_t starts[HTTP_FIELDS], lengths[HTTP_FIELDS]; // in `text`; start 0: not there
    uint16_t used, capacity;
    char text[];
};

// Which field has this name, in any case.
enum http_field http_field_named(const char *name, size_t length);
// Keeps a field's value; one that comes again continues the list. All values of a request are less
// than 32 KiB. Returns: 0, or -ENOMEM.
// Owns: *fields, NULL before the first, is a heap block that the caller frees.
int http_known_fields_keep(struct http_known_fields **fields, enum http_field field,
                           const char *value, size_t length) MUST_CHECK;
// Frees them: the request is answered.
static inline void http_known_fields_drop(struct http_known_fields **fields)
{
    if (!*fields)
        return;
    heap_free(*fields);
    *fields = NULL;
}
// Returns: the value, which may be empty. `fields` may be NULL.
struct http_slice http_known_fields_get(const struct http_known_fields *fields,
                                        enum http_field field);
