// SPDX-License-Identifier: MIT
// DNS questions and answers: bytes in, structs out; no state. Spec: RFC 1035 section 4, RFC 3596.
#pragma once

#include "kernel/compiler.h"

#define DNS_NAME_BYTES_MAX    253 // of a name as text, without a final dot
#define DNS_QUERY_BYTES_MAX   (12 + DNS_NAME_BYTES_MAX + 2 + 4)
#define DNS_ANSWER_BYTES_MAX  512 // by UDP
#define DNS_ADDRESSES_MAX     8
#define DNS_ADDRESS_BYTES_MAX 16

enum dns_type { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };

struct dns_answer {
    unsigned count;                                              // of addresses
    uint8_t addresses[DNS_ADDRESSES_MAX][DNS_ADDRESS_BYTES_MAX]; // 4 bytes each for DNS_TYPE_A
    uint32_t ttl_s; // of what is valid for the shortest
};

// Writes a question. Returns: its size, or 0 if `name` is no name.
size_t dns_query_write(uint8_t query[DNS_QUERY_BYTES_MAX], uint16_t id, const char *name,
                       enum dns_type type);
// Reads the answer to such a question. Returns: 0; -ENOENT, there is no such name; -ENODATA, it has
// no address of this type; -EREMOTEIO, the server cannot or will not say; -EBADMSG, what it says is
// malformed; -EMSGSIZE, the whole answer is to be asked for by TCP; -EAGAIN, it is the answer to
// something else.
int dns_answer_read(const uint8_t *query, size_t query_bytes, const uint8_t *message,
                    size_t size_bytes, struct dns_answer *answer) MUST_CHECK;
