// SPDX-License-Identifier: MIT
// Conditional requests: whether a representation is still, or no more, what the client knows.
// Spec: RFC 9110, 13.
#pragma once

#include "http/known_fields.h"
#include "kernel/compiler.h"

// What tells one state of a representation from another.
struct http_validators {
    const char *etag;               // strong, quoted; NULL: none
    uint64_t modified_unix_seconds; // 0: not known
};

enum http_verdict {
    HTTP_PROCEED,
    HTTP_NOT_MODIFIED,        // 304
    HTTP_PRECONDITION_FAILED, // 412
};

// Judges the conditions of a request in the order that RFC 9110, 13.2.2 sets. `is_read`: the method
// is GET or HEAD. `fields` may be NULL.
enum http_verdict http_conditions_judge(const struct http_known_fields *fields,
                                        const struct http_validators *current, bool is_read);
// true if field Range counts: there is no If-Range, or it names exactly what is current.
bool http_range_counts(const struct http_known_fields *fields,
                       const struct http_validators *current);
// true if a list of entity tags, the value of If-Match or If-None-Match, names `etag`, or any
// ("*"). `weakly`: a tag marked as weak counts too. Spec: RFC 9110, 8.8.3.2.
bool http_etag_listed(const char *list, size_t length, const char *etag, bool weakly);
