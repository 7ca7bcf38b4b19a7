// SPDX-License-Identifier: MIT
// Names and values that a request came with, one behind another in one block that grows. Running
// out of memory sets `failed`; what is added later is then lost, so only the end has to look.
#pragma once

#include "kernel/compiler.h"

enum http_field_kind { HTTP_IN_PATH, HTTP_IN_QUERY, HTTP_IN_HEADER };

struct http_fields {
    char *data; // heap
    uint32_t used_bytes, capacity_bytes;
    uint32_t open; // where the field that is being added begins
    bool in_value, failed;
};

// Adds a field, name and then value in any number of pieces. A name and a value are shorter than
// 64 KiB.
void http_fields_open(struct http_fields *fields, enum http_field_kind kind);
void http_fields_add_name(struct http_fields *fields, const char *data, size_t size_bytes);
void http_fields_add_value(struct http_fields *fields, const char *data, size_t size_bytes);
// White space at a header's end goes.
void http_fields_close(struct http_fields *fields);
// Adds a field with both percent-decoded, '+' as a blank in a query.
// Returns: 0, or -EINVAL for what is no such encoding.
int http_fields_decode(struct http_fields *fields, enum http_field_kind kind, const char *name,
                       size_t name_bytes, const char *value, size_t value_bytes) MUST_CHECK;

// Returns: the value of the first field of that name, with a NUL after it and its length in *length
// (may be NULL); NULL if there is none. Names of headers are compared in any case.
const char *http_fields_find(const struct http_fields *fields, enum http_field_kind kind,
                             const char *name, size_t *length);
void http_fields_free(struct http_fields *fields);
