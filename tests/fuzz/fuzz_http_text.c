// SPDX-License-Identifier: MIT
// What clients write in targets and header fields. The first byte says what the rest is.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "http/conditions.h"
#include "http/date.h"
#include "http/encoding.h"
#include "http/ranges.h"
#include "http/target.h"
#include "require.h"

static void target(const char *text, size_t length)
{
    char *path = malloc(HTTP_TARGET_BYTES_MAX);
    int used = http_target_path(text, length, path);
    if (used >= 0) {
        require(used > 0 && (size_t)used <= (length ? length : 1) && path[0] == '/');
        require(!memmem(path, (size_t)used, "/../", 4) && !memmem(path, (size_t)used, "/./", 3));
        require(!memchr(path, 0, (size_t)used));
        require(used < 3 || memcmp(path + used - 3, "/..", 3) != 0);
    }
    free(path);
}

static void parts(const char *text, size_t length)
{
    struct http_target split;
    if (http_target_split(text, length, &split) != 0)
        return;
    require(split.path < split.path_end && *split.path == '/' && split.query <= split.query_end);
    require(!memchr(split.path, '?', (size_t)(split.path_end - split.path)));
    size_t query_bytes = (size_t)(split.query_end - split.query);
    char *decoded = malloc(query_bytes + 1);
    int used = http_decode(split.query, query_bytes, true, decoded);
    require(used < 0 || (size_t)used <= query_bytes);
    free(decoded);
}

static void ranges(const char *text, size_t length)
{
    static const uint32_t sizes[] = {0, 1, 10, 1000, UINT32_MAX};
    struct http_range found[HTTP_RANGES_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        int count = http_ranges_read(text, length, sizes[i], found);
        require(count <= HTTP_RANGES_MAX);
        for (int at = 0; at < count; at++)
            require(found[at].first <= found[at].last && found[at].last < sizes[i]);
    }
}

static void fields(const char *text, size_t length)
{
    uint64_t seconds;
    bool strongly = http_etag_listed(text, length, "\"tag\"", false);
    require(!strongly || http_etag_listed(text, length, "\"tag\"", true));
    (void)!http_date_read(text, length, &seconds);
    require(http_encoding_choose(text, length, true) < HTTP_ENCODINGS);
    int plain = http_encoding_choose(text, length, false);
    require(plain == HTTP_IDENTITY || plain < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static void (*const readers[])(const char *text, size_t length) = {target, parts, ranges,
                                                                       fields};
    if (size_bytes == 0)
        return 0;
    char *text = malloc(size_bytes); // exactly as long: reading past it is an error
    memcpy(text, data + 1, size_bytes - 1);
    char *exact = realloc(text, size_bytes - 1 ? size_bytes - 1 : 1);
    readers[data[0] % ARRAY_COUNT(readers)](exact, size_bytes - 1);
    free(exact);
    return 0;
}
