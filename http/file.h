// SPDX-License-Identifier: MIT
// What a request for a file is answered with: which of its stored forms, the whole of it or parts,
// or only that nothing has changed. Spec: RFC 9110, 13.2.2 (in which order), 15.3.7 (206)
// and 15.5.17 (416).
#pragma once

#include "http/known_fields.h"
#include "http/resources.h"
#include "kernel/compiler.h"

// An answer that was not made in advance.
struct http_made {
    struct http_text text; // its head; and those of its parts
    struct http_response response;
    struct http_pieces *body; // what follows the head; a heap block, NULL: nothing
};

// Chooses. `fields` may be NULL; `is_get`: ranges count only then (the method is GET or HEAD).
// Returns: a response that lasts for good, &made->response, or NULL when out of memory.
// Owns: the caller frees made->text and made->body when they are not empty.
const struct http_response *http_file_answer(const struct http_resource *file,
                                             const struct http_known_fields *fields, bool is_get,
                                             struct http_made *made) MUST_CHECK;
