// SPDX-License-Identifier: MIT
// A line on the console for each request, in the format that web servers have in common: option
// access_log. The console is slow and the requests must not wait for it: each core puts its lines
// in a ring, and a thread of core 0 that takes at most a tenth of its time writes them. What does
// not fit in the ring is lost and counted; the console hears of it once, and in the end. While it
// is off, nothing calls it; while it is on, every request is read (http/memo.h keeps none).
#pragma once

#include "http/known_fields.h"
#include "kernel/compiler.h"

#define HTTP_CLIENT_BYTES 48 // "ffff:...:ffff", an address of either kind

enum http_access_log { HTTP_LOG_OFF, HTTP_LOG_COMMON, HTTP_LOG_COMBINED };
extern enum http_access_log http_access_log; // read-only once the server runs

struct http_access {
    char client[HTTP_CLIENT_BYTES];
    const char *method;       // NULL: the request was not understood
    struct http_slice target; // as sent
    unsigned major, minor;
    unsigned status;
    uint64_t body_bytes; // of the response
    struct http_slice referer, user_agent;
};

// Sets it to "off", "on" (common) or "combined" (with who referred the client, and what it is).
// Context: before the server starts. Returns: NULL, or what is wrong.
const char *http_access_log_set(const char *text) MUST_CHECK;
// Starts the thread. Context: a thread of core 0, if it is on. Returns: 0 or -ENOMEM.
int http_access_log_start(void) MUST_CHECK;
// Gives this core its ring. Context: also the loop. Returns: 0 or -ENOMEM.
int http_access_log_start_core(void) MUST_CHECK;
// Puts a line in the ring. Context: also the loop.
void http_access_log_write(const struct http_access *access);
// Writes what is left, no more at leisure. Context: a thread of core 0. Blocks: until
// `deadline_ns`.
void http_access_log_finish(uint64_t deadline_ns);
