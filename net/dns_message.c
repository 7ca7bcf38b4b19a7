// SPDX-License-Identifier: MIT
#include "net/dns_message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define HEADER_BYTES    12
#define LABEL_BYTES_MAX 63
#define WIRE_BYTES_MAX  255 // of a name: labels with their lengths, and the root's
#define RECORD_BYTES    10  // behind its name: type, class, time to live, length
#define CLASS_IN        1
#define FLAG_RESPONSE   0x8000
#define FLAG_TRUNCATED  0x0200
#define FLAG_RECURSE    0x0100
#define OPCODE          0x7800
#define RCODE           0x000f
#define RCODE_NO_NAME   3
#define ALIASES_MAX     8
#define TTL_MAX         0x7fffffffu // what has the highest bit set means 0, RFC 2181 section 8

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

// Returns: the name's bytes in a message, 0 if it is none.
static size_t write_name(uint8_t *at, const char *name)
{
    size_t done = 0, length = strlen(name);
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0 || length > DNS_NAME_BYTES_MAX)
        return 0;
    for (const char *end = name + length; name < end; name++) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        size_t label = (size_t)((dot == NULL ? end : dot) - name);
        if (label == 0 || label > LABEL_BYTES_MAX || dot == end - 1)
            return 0;
        at[done++] = (uint8_t)label;
        for (size_t i = 0; i < label; i++, done++, name++) {
            if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
                return 0;
            at[done] = (uint8_t)*name;
        }
    }
    at[done++] = 0;
    return done;
}

size_t dns_query_write(uint8_t query[DNS_QUERY_BYTES_MAX], uint16_t id, const char *name,
                       enum dns_type type)
{
    memset(query, 0, HEADER_BYTES);
    put16(query, id);
    put16(query + 2, FLAG_RECURSE);
    put16(query + 4, 1); // question
    size_t name_bytes = write_name(query + HEADER_BYTES, name);
    if (name_bytes == 0)
        return 0;
    put16(query + HEADER_BYTES + name_bytes, (uint16_t)type);
    put16(query + HEADER_BYTES + name_bytes + 2, CLASS_IN);
    return HEADER_BYTES + name_bytes + 4;
}

// ---- reading ------------------------------------------------------------------------------------

struct message {
    const uint8_t *bytes;
    size_t size;
};

struct name {
    uint8_t bytes[WIRE_BYTES_MAX]; // as in a message, in small letters
    size_t size;
};

static bool append_label(struct name *name, const uint8_t *label)
{
    size_t size = 1u + label[0];
    if (name->size + size > sizeof(name->bytes))
        return false;
    for (size_t i = 0; i < size; i++)
        name->bytes[name->size + i] = (uint8_t)(i == 0 ? label[0] : tolower(label[i]));
    name->size += size;
    return true;
}

// Takes a name at *at, which then is behind it. A pointer leads to an earlier place only, so there
// is an end. Returns: false if it is malformed.
static bool read_name(const struct message *message, size_t *at, struct name *name)
{
    size_t from = *at, limit = message->size;
    bool jumped = false;
    name->size = 0;
    for (;;) {
        if (from >= limit)
            return false;
        uint8_t length = message->bytes[from];
        if (length > LABEL_BYTES_MAX) {
            if (length < 0xc0 || from + 2 > message->size)
                return false;
            size_t to = get16(message->bytes + from) & 0x3fff;
            if (!jumped)
                *at = from + 2;
            jumped = true;
            if (to >= from)
                return false;
            limit = from;
            from = to;
            continue;
        }
        if (from + 1 + length > message->size || !append_label(name, message->bytes + from))
            return false;
        from += 1u + length;
        if (length == 0)
            break;
    }
    if (!jumped)
        *at = from;
    return true;
}

struct record {
    struct name owner;
    uint16_t type;
    uint32_t ttl_s;
    size_t data, data_bytes; // where, in the message
};

static bool read_record(const struct message *message, size_t *at, struct record *record)
{
    if (!read_name(message, at, &record->owner) || *at + RECORD_BYTES > message->size)
        return false;
    const uint8_t *fixed = message->bytes + *at;
    bool is_internet = get16(fixed + 2) == CLASS_IN;
    record->type = is_internet ? get16(fixed) : 0;
    record->ttl_s = get32(fixed + 4) > TTL_MAX ? 0 : get32(fixed + 4);
    record->data = *at + RECORD_BYTES;
    record->data_bytes = get16(fixed + 8);
    *at = record->data + record->data_bytes;
    return *at <= message->size;
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void keep_address(const uint8_t *data, size_t data_bytes, uint32_t ttl_s,
                         struct dns_answer *answer)
{
    if (answer->count == DNS_ADDRESSES_MAX)
        return;
    memcpy(answer->addresses[answer->count++], data, data_bytes);
    if (ttl_s < answer->ttl_s)
        answer->ttl_s = ttl_s;
}

// Looks through all answers for what is said of `wanted`. An alias replaces it.
// Returns: 0 with addresses, -EAGAIN with an alias, -ENODATA without either, -EBADMSG.
static int read_answers(const struct message *message, size_t at, struct name *wanted,
                        uint16_t type, struct dns_answer *answer)
{
    size_t address_bytes = type == DNS_TYPE_A ? 4 : 16;
    struct record record;
    struct name alias = {.size = 0};
    for (unsigned i = get16(message->bytes + 6); i > 0; i--) {
        if (!read_record(message, &at, &record))
            return -EBADMSG;
        if (!same_name(&record.owner, wanted))
            continue;
        if (record.type == type && record.data_bytes == address_bytes)
            keep_address(message->bytes + record.data, address_bytes, record.ttl_s, answer);
        if (record.type != DNS_TYPE_CNAME)
            continue;
        if (!read_name(message, &record.data, &alias))
            return -EBADMSG;
        if (record.ttl_s < answer->ttl_s)
            answer->ttl_s = record.ttl_s;
    }
    if (answer->count > 0)
        return 0;
    if (alias.size == 0)
        return -ENODATA;
    *wanted = alias;
    return -EAGAIN;
}

static bool is_answer_to(const struct message *message, const uint8_t *query, size_t query_bytes)
{
    if (message->size < query_bytes || get16(message->bytes) != get16(query) ||
        (get16(message->bytes + 2) & (FLAG_RESPONSE | OPCODE)) != FLAG_RESPONSE ||
        get16(message->bytes + 4) != 1)
        return false;
    for (size_t i = HEADER_BYTES; i < query_bytes; i++)
        if (tolower(message->bytes[i]) != tolower(query[i]))
            return false;
    return true;
}

int dns_answer_read(const uint8_t *query, size_t query_bytes, const uint8_t *bytes,
                    size_t size_bytes, struct dns_answer *answer)
{
    struct message message = {bytes, size_bytes};
    struct name wanted;
    *answer = (struct dns_answer){.ttl_s = TTL_MAX};
    if (!is_answer_to(&message, query, query_bytes))
        return -EAGAIN;
    unsigned rcode = get16(bytes + 2) & RCODE;
    if (rcode != 0)
        return rcode == RCODE_NO_NAME ? -ENOENT : -EREMOTEIO;
    size_t at = HEADER_BYTES;
    if (!read_name(&message, &at, &wanted))
        return -EBADMSG;
    for (int i = 0; i <= ALIASES_MAX; i++) {
        int result =
            read_answers(&message, query_bytes, &wanted, get16(query + query_bytes - 4), answer);
        if (result == 0)
            return 0;
        if (result != -EAGAIN)
            return get16(bytes + 2) & FLAG_TRUNCATED ? -EMSGSIZE : result;
    }
    return -EBADMSG; // aliases in a circle
}
