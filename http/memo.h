// SPDX-License-Identifier: MIT
// Requests that came before, byte for byte, and what was answered. Clients that keep a connection
// mostly send the same header section again, and so do many clients of the same kind: comparing it
// costs a tenth of reading it. Only what depends on nothing but those bytes is kept: a GET of a
// file, HTTP/1.1, without a body, on a connection that stays. Each core has its own.
#pragma once

#include "http/resources.h"

#define HTTP_MEMO_BYTES_MAX 512

// Returns: the response to a request that `data` begins with, and its length in *request_bytes;
// NULL if none is known.
const struct http_response *http_memo_find(const char *data, size_t size_bytes,
                                           size_t *request_bytes);
// Keeps the response, which lasts for good, to a request of `size_bytes` bytes, if that is not too
// long.
void http_memo_keep(const char *request, size_t size_bytes, const struct http_response *response);
// Forgets all of this core's.
void http_memo_forget(void);
