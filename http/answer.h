// SPDX-License-Identifier: MIT
// Responses that are made while the server runs; the answers of handlers, http/http.h, are such.
#pragma once

#include "http/http.h"
#include "http/resources.h"
#include "http/text.h"
#include "kernel/compiler.h"

// Writes the response into *text, its body too unless that need not be copied. `chunked`: so is a
// body that is made while it is sent.
// Returns: 0, or -ENOMEM. Owns: the caller frees *text in both cases; *out points into it.
int http_answer_render(const struct http_answer *answer, bool chunked, struct http_text *text,
                       struct http_response *out) MUST_CHECK;
// 405 with the methods that are allowed, a bit for each llhttp_method_t. The same otherwise.
int http_answer_render_methods(uint64_t allowed, struct http_text *text,
                               struct http_response *out) MUST_CHECK;
