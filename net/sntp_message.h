// SPDX-License-Identifier: MIT
// What a time server is asked and what it says: bytes in, numbers out. Spec: RFC 5905 section 7.3,
// RFC 4330.
#pragma once

#include "kernel/compiler.h"

#define SNTP_BYTES 48

struct sntp_time {
    int64_t wall_ns;        // the date at the moment the answer came: nanoseconds since 1970
    uint64_t round_trip_ns; // on the way, both ways: the date is wrong by half of it at most
    unsigned stratum;       // 1: the server has a clock of its own, 2: it asks such a server, ...
};

// `nonce` comes back in the answer, so that nobody can forge one who has not seen the question.
void sntp_write(uint8_t request[SNTP_BYTES], uint64_t nonce);
// Reads the answer to a question sent at sent_ns that came at heard_ns (both of time_now_ns()).
// Returns: NULL, or what is wrong with it; "" if it is no answer to that question.
const char *sntp_read(const uint8_t *answer, size_t size_bytes, uint64_t nonce, uint64_t sent_ns,
                      uint64_t heard_ns, struct sntp_time *out);
