// SPDX-License-Identifier: MIT
// What servers say to this machine when it is the client: DNS answers, the time, and where a
// redirection leads. The first byte says which.
#include "host.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "apps/fetch/url.h"
#include "kernel/time.h"
#include "net/dns_message.h"
#include "net/sntp_message.h"
#include "require.h"

// In a block of its exact size, so that a byte too many is seen.
static uint8_t *block_of(const uint8_t *data, size_t size_bytes, size_t more_bytes)
{
    uint8_t *block = malloc(size_bytes + more_bytes > 0 ? size_bytes + more_bytes : 1);
    memcpy(block, data, size_bytes);
    return block;
}

// ---- DNS ----------------------------------------------------------------------------------------

static void check_answer(int result, const struct dns_answer *answer)
{
    require(result == 0 || result == -EAGAIN || result == -ENOENT || result == -ENODATA ||
            result == -EMSGSIZE || result == -EREMOTEIO || result == -EBADMSG);
    require(answer->count <= DNS_ADDRESSES_MAX && answer->ttl_s <= INT32_MAX);
    require(result != 0 || answer->count > 0);
}

// The second byte: for which question, and whether its number and the question itself are put where
// they belong, without which nothing else is looked at.
static void dns(const uint8_t *data, size_t size_bytes)
{
    static const char *const names[] = {"a", "www.example.org.", "x-y_z.test"};
    uint8_t query[DNS_QUERY_BYTES_MAX];
    if (size_bytes == 0)
        return;
    uint8_t how = *data++;
    size_bytes--;
    size_t query_bytes = dns_query_write(query, 0x1234, names[how % ARRAY_COUNT(names)],
                                         how & 0x40 ? DNS_TYPE_AAAA : DNS_TYPE_A);
    require(query_bytes > 0);
    bool is_framed = (how & 0x80) == 0 && size_bytes >= 8;
    uint8_t *message = block_of(data, size_bytes, is_framed ? query_bytes : 0);
    if (is_framed) { // two bytes of flags and six of counts, then the records
        memmove(message + query_bytes, message + 8, size_bytes - 8);
        memcpy(message + 12, query + 12, query_bytes - 12);
        memcpy(message + 6, data + 2, 6);
        memcpy(message + 2, data, 2);
        memcpy(message, query, 2);
        message[4] = 0, message[5] = 1;
        size_bytes += query_bytes - 8;
    }
    struct dns_answer answer;
    int result = dns_answer_read(query, query_bytes, message, size_bytes, &answer);
    check_answer(result, &answer);
    if (size_bytes > 0 && result != -EAGAIN) { // of another question it says nothing
        query[0] ^= 1;
        require(dns_answer_read(query, query_bytes, message, size_bytes, &answer) == -EAGAIN);
    }
    free(message);
}

// ---- the time -----------------------------------------------------------------------------------

// Without the first byte's highest bit the answer is to our question.
static void sntp(const uint8_t *data, size_t size_bytes)
{
    static const uint64_t nonce = 0x0123456789abcdef;
    uint8_t question[SNTP_BYTES];
    struct sntp_time time;
    sntp_write(question, nonce);
    uint8_t *message = block_of(data, size_bytes, 0);
    if (size_bytes >= SNTP_BYTES && (data[0] & 0x40) == 0) {
        memcpy(message + 24, question + 40, 8);
        message[0] = (uint8_t)((data[0] & ~7) | 4);
    }
    const char *wrong = sntp_read(message, size_bytes, nonce, NS_PER_S, 3 * NS_PER_S, &time);
    if (wrong == NULL) {
        require(time.round_trip_ns <= 2 * NS_PER_S && time.stratum >= 1 && time.stratum <= 15);
        require(time.wall_ns >= 1767225600 * (int64_t)NS_PER_S);
    }
    free(message);
}

// ---- redirections -------------------------------------------------------------------------------

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

// What is sent is one line of a request, and asking for it again is the same.
static void check_url(const struct url *url)
{
    struct url again;
    char text[16 + sizeof(url->authority) + sizeof(url->target)];
    require(url->host[0] != '\0' && url->port != 0 && url->target[0] == '/');
    require(is_printable(url->host) && is_printable(url->authority) && is_printable(url->target));
    require(strpbrk(url->host, "/?#@[]") == NULL && strpbrk(url->authority, "/?#@") == NULL);
    require(strchr(url->target, '#') == NULL);
    snprintf(text, sizeof(text), "%s://%s%s", url->secure ? "https" : "http", url->authority,
             url->target);
    require(url_parse(text, &again));
    require(again.secure == url->secure && again.port == url->port);
    require(strcmp(again.host, url->host) == 0 && strcmp(again.target, url->target) == 0);
    require(strcmp(again.authority, url->authority) == 0);
}

// Lines: the first is what is asked for, each further one where that leads.
static void redirections(const uint8_t *data, size_t size_bytes)
{
    struct url url;
    bool is_first = true;
    while (size_bytes > 0) {
        const uint8_t *end = memchr(data, '\n', size_bytes);
        size_t length = end == NULL ? size_bytes : (size_t)(end - data);
        char *line = (char *)block_of(data, length, 1);
        line[length] = '\0';
        // A field is kept up to this length.
        bool leads =
            length < URL_BYTES_MAX && (is_first ? url_parse(line, &url) : url_follow(&url, line));
        free(line);
        if (!leads)
            return;
        check_url(&url);
        is_first = false;
        data += length + (end != NULL);
        size_bytes -= length + (end != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    switch (data[0]) {
    case 'd':
        dns(data + 1, size_bytes - 1);
        break;
    case 't':
        sntp(data + 1, size_bytes - 1);
        break;
    case 'u':
        redirections(data + 1, size_bytes - 1);
        break;
    default:
        return -1; // not worth keeping
    }
    return 0;
}
