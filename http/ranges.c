// SPDX-License-Identifier: MIT
#include "http/ranges.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

// About what the head of a part takes.
#define GAP_BYTES_MIN 128

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

// Reads digits; what does not fit becomes the largest number. Returns: false if there are none.
static bool number_read(struct cursor *cursor, uint64_t *number)
{
    const char *start = cursor->at;
    *number = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
        *number = *number > UINT64_MAX / 16 ? UINT64_MAX / 8
                                            : *number * 10 + (uint64_t)(*cursor->at - '0');
    return cursor->at > start;
}

// Reads "first-last", "first-" or "-suffix". Returns: 1, 0 when it lies behind the end, or -EINVAL.
static int range_read(struct cursor *cursor, uint32_t size_bytes, struct http_range *range)
{
    uint64_t first, last;
    bool has_first = number_read(cursor, &first);
    if (cursor->at == cursor->end || *cursor->at != '-')
        return -EINVAL;
    cursor->at++;
    bool has_last = number_read(cursor, &last);
    if ((!has_first && !has_last) || (has_first && has_last && last < first))
        return -EINVAL;
    if (!has_first) {
        first = last < size_bytes ? size_bytes - last : 0;
        has_last = false;
    }
    if (first >= size_bytes)
        return 0;
    range->first = (uint32_t)first;
    range->last = has_last && last < size_bytes ? (uint32_t)last : size_bytes - 1;
    return 1;
}

static bool are_near(const struct http_range *one, const struct http_range *other)
{
    return (uint64_t)one->first <= (uint64_t)other->last + GAP_BYTES_MIN &&
           (uint64_t)other->first <= (uint64_t)one->last + GAP_BYTES_MIN;
}

// Adds a range, taking up those that are near. Returns: how many there are then.
static int range_add(struct http_range *ranges, int count, struct http_range range)
{
    int place = count;
    for (int i = 0; i < count;) {
        if (!are_near(&ranges[i], &range)) {
            i++;
            continue;
        }
        if (ranges[i].first < range.first)
            range.first = ranges[i].first;
        if (ranges[i].last > range.last)
            range.last = ranges[i].last;
        if (i < place)
            place = i;
        memmove(&ranges[i], &ranges[i + 1], (size_t)(--count - i) * sizeof(*ranges));
        i = 0; // the larger one may be near to what the smaller was not
    }
    memmove(&ranges[place + 1], &ranges[place], (size_t)(count - place) * sizeof(*ranges));
    ranges[place] = range;
    return count + 1;
}

int http_ranges_read(const char *value, size_t length, uint32_t size_bytes,
                     struct http_range ranges[HTTP_RANGES_MAX])
{
    static const char unit[] = "bytes=";
    struct cursor cursor = {value + sizeof(unit) - 1, value + length};
    if (length < sizeof(unit) - 1 || strncasecmp(value, unit, sizeof(unit) - 1) != 0)
        return 0;
    int asked = 0, count = 0;
    for (;;) {
        skip_blanks(&cursor);
        if (cursor.at < cursor.end && *cursor.at != ',') {
            struct http_range range;
            int found = range_read(&cursor, size_bytes, &range);
            if (found < 0 || ++asked > HTTP_RANGES_MAX)
                return 0;
            if (found > 0)
                count = range_add(ranges, count, range);
            skip_blanks(&cursor);
        }
        if (cursor.at == cursor.end)
            return count > 0 ? count : asked > 0 ? -ERANGE : 0;
        if (*cursor.at++ != ',')
            return 0;
    }
}
