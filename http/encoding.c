// SPDX-License-Identifier: MIT
#include "http/encoding.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define UNSAID (-1)

static bool is_named(const char *name, size_t length, const char *expected)
{
    return strlen(expected) == length && strncasecmp(name, expected, length) == 0;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

// Reads what follows a coding's name: nothing, or ";q=WEIGHT".
// Returns: the weight in thousandths, or -EINVAL.
static int weight_read(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    if (at == end)
        return 1000;
    if (*at != ';')
        return -EINVAL;
    at = skip_blanks(at + 1, end);
    if (end - at < 3 || (*at | 0x20) != 'q' || at[1] != '=' || (at[2] != '0' && at[2] != '1'))
        return -EINVAL;
    int weight = (at[2] - '0') * 1000;
    at += 3;
    if (at < end && *at == '.') {
        at++;
        for (int place = 100; at < end && *at >= '0' && *at <= '9'; at++, place /= 10)
            weight += place * (*at - '0');
    }
    return skip_blanks(at, end) == end && weight <= 1000 ? weight : -EINVAL;
}

int http_encoding_choose(const char *value, size_t length, bool has_gzip)
{
    int identity = UNSAID, gzip = UNSAID, other = UNSAID;
    const char *end = value ? value + length : NULL;
    while (value < end) {
        value = skip_blanks(value, end);
        const char *comma = memchr(value, ',', (size_t)(end - value));
        const char *element_end = comma ? comma : end;
        const char *name_end = value;
        while (name_end < element_end && !strchr(" \t;", *name_end))
            name_end++;
        size_t name_length = (size_t)(name_end - value);
        int weight = weight_read(name_end, element_end);
        if (weight >= 0 && name_length > 0) {
            if (is_named(value, name_length, "identity"))
                identity = weight;
            else if (is_named(value, name_length, "gzip") || is_named(value, name_length, "x-gzip"))
                gzip = weight;
            else if (is_named(value, name_length, "*"))
                other = weight;
        }
        value = comma ? comma + 1 : end;
    }
    if (gzip == UNSAID)
        gzip = other == UNSAID ? 0 : other;
    if (identity == UNSAID)
        identity = other == UNSAID ? 1 : other; // it is taken unless the client says otherwise
    if (has_gzip && gzip > 0 && gzip >= identity)
        return HTTP_GZIP;
    return identity > 0 ? HTTP_IDENTITY : -ENOENT;
}
