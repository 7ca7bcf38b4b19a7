// SPDX-License-Identifier: MIT
// Requests that came before, byte for byte, and what was answered. Clients that keep a connection
// mostly send the same header section again, and so do many clients of the same kind: comparing it
// costs a tenth of reading it. Only what depends on nothing but those bytes is kept: a GET of a
// file, HTTP/1.1, without a body, on a connection that stays. Each core has its own.
#pragma once

#include "http/resources.h"

#define HTTP_MEMO_BYTES_MAX 512
#define HTTP_MEMO_TEXT_MAX  512

struct http_memo {
    const struct http_response *response; // NULL: empty
    size_t request_bytes;
    uint32_t text_bytes;           // 0: the response is too long to be kept as text
    uint32_t date;                 // http_date_number of the text
    char text[HTTP_MEMO_TEXT_MAX]; // the response as it is sent now
    char request[HTTP_MEMO_BYTES_MAX];
};

// Returns: what is known of a request that `data` begins with, until the next call; NULL: nothing.
const struct http_memo *http_memo_find(const char *data, size_t size_bytes);
// Keeps the response, which lasts for good, to a request of `size_bytes` bytes, if that is not too
// long.
void http_memo_keep(const char *request, size_t size_bytes, const struct http_response *response);
// Forgets all of this core's.
void http_memo_forget(void);
