// SPDX-License-Identifier: MIT
#include "http/conditions.h"

#include <string.h>

#include "http/date.h"

bool http_etag_listed(const char *list, size_t length, const char *etag, bool weakly)
{
    const char *end = list + length;
    size_t etag_length = etag ? strlen(etag) : 0;
    while (list < end) {
        if (*list == ' ' || *list == '\t' || *list == ',') {
            list++;
            continue;
        }
        if (*list == '*')
            return true;
        bool is_weak = end - list > 2 && list[0] == 'W' && list[1] == '/';
        if (is_weak)
            list += 2;
        const char *close = *list == '"' ? memchr(list + 1, '"', (size_t)(end - list - 1)) : NULL;
        if (!close)
            return false; // no entity tag: what follows cannot be told apart
        close++;
        if (etag && (weakly || !is_weak) && (size_t)(close - list) == etag_length &&
            memcmp(list, etag, etag_length) == 0)
            return true;
        list = close;
    }
    return false;
}

// Returns: false if there is no such field, no date in it, or nothing to compare it with.
static bool date_get(const struct http_known_fields *fields, enum http_field field,
                     const struct http_validators *current, uint64_t *unix_seconds)
{
    struct http_slice value = http_known_fields_get(fields, field);
    return value.at && current->modified_unix_seconds &&
           http_date_read(value.at, value.length, unix_seconds);
}

enum http_verdict http_conditions_judge(const struct http_known_fields *fields,
                                        const struct http_validators *current, bool is_read)
{
    uint64_t date;
    struct http_slice match = http_known_fields_get(fields, HTTP_FIELD_IF_MATCH);
    if (match.at ? !http_etag_listed(match.at, match.length, current->etag, false)
                 : date_get(fields, HTTP_FIELD_IF_UNMODIFIED_SINCE, current, &date) &&
                       current->modified_unix_seconds > date)
        return HTTP_PRECONDITION_FAILED;
    struct http_slice none = http_known_fields_get(fields, HTTP_FIELD_IF_NONE_MATCH);
    if (none.at) {
        if (!http_etag_listed(none.at, none.length, current->etag, true))
            return HTTP_PROCEED;
        return is_read ? HTTP_NOT_MODIFIED : HTTP_PRECONDITION_FAILED;
    }
    if (is_read && date_get(fields, HTTP_FIELD_IF_MODIFIED_SINCE, current, &date) &&
        current->modified_unix_seconds <= date)
        return HTTP_NOT_MODIFIED;
    return HTTP_PROCEED;
}

bool http_range_counts(const struct http_known_fields *fields,
                       const struct http_validators *current)
{
    struct http_slice known = http_known_fields_get(fields, HTTP_FIELD_IF_RANGE);
    uint64_t date;
    if (!known.at)
        return true;
    if (known.length > 0 && known.at[0] == '"') // one tag, strong: a list would be longer
        return current->etag && known.length == strlen(current->etag) &&
               memcmp(known.at, current->etag, known.length) == 0;
    return date_get(fields, HTTP_FIELD_IF_RANGE, current, &date) &&
           current->modified_unix_seconds == date;
}
