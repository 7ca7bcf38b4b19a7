// SPDX-License-Identifier: MIT
// Routes, and what of a target fits them.
#include "http/route.h"

#include <errno.h>
#include <llhttp.h>
#include <string.h>

#include "http/request.h"
#include "http/target.h"
#include "kernel/heap.h"
#include "kernel/panic.h"

struct route {
    struct http_route route;
    unsigned method; // llhttp_method_t
    struct route *next;
};

static struct route *first, **last = &first; // read-only once the server runs

static unsigned method_number(const char *name)
{
    for (unsigned method = 0; method < 64; method++)
        if (strcmp(llhttp_method_name((llhttp_method_t)method), name) == 0)
            return method;
    panic("http: no such method: %s", name);
}

void http_route_add(const struct http_route *route)
{
    ASSERT(route->path[0] == '/' && route->handle);
    ASSERT(route->body_bytes_max <= HTTP_BODY_BYTES_LIMIT);
    struct route *added = heap_alloc(sizeof(*added));
    if (!added)
        panic("http: no memory for a route: %s", route->path);
    *added = (struct route){.route = *route, .method = method_number(route->method)};
    *last = added;
    last = &added->next;
}

void http_route(const char *method, const char *path, http_handler_fn *handle)
{
    http_route_add(&(struct http_route){.method = method,
                                        .path = path,
                                        .body_bytes_max = HTTP_BODY_BYTES_DEFAULT,
                                        .handle = handle});
}

static const char *segment_end(const char *at, const char *end)
{
    while (at < end && *at != '/')
        at++;
    return at;
}

// Compares a literal segment with one that was sent, which may have escapes.
static bool segment_equals(const char *literal, size_t length, const char *sent, const char *end)
{
    char decoded[256];
    size_t sent_bytes = (size_t)(end - sent);
    if (sent_bytes == length)
        return memcmp(literal, sent, length) == 0 && !memchr(sent, '%', length);
    if (sent_bytes > sizeof(decoded) || !memchr(sent, '%', sent_bytes))
        return false;
    int decoded_bytes = http_decode(sent, sent_bytes, false, decoded);
    return decoded_bytes == (int)length && memcmp(literal, decoded, length) == 0;
}

// Returns: whether the path fits; -EINVAL for one that would, with an escape that cannot be read.
// Parameters go to `fields` if that is not NULL.
static int path_fits(const char *pattern, const char *path, const char *end,
                     struct http_fields *fields)
{
    while (*pattern) { // both are at a '/'
        if (path == end)
            return false;
        pattern++;
        path++;
        size_t length = strcspn(pattern, "/");
        const char *sent_end = *pattern == '*' ? end : segment_end(path, end);
        if (*pattern != ':' && *pattern != '*') {
            if (!segment_equals(pattern, length, path, sent_end))
                return false;
        } else if (*pattern == ':' && path == sent_end) {
            return false;
        } else if (fields) {
            int error = http_fields_decode(fields, HTTP_IN_PATH, pattern + 1, length - 1, path,
                                           (size_t)(sent_end - path));
            if (error)
                return error;
        }
        pattern += length;
        path = sent_end;
    }
    return path == end;
}

static int query_read(struct http_fields *fields, const char *at, const char *end)
{
    while (at < end) {
        const char *pair_end = memchr(at, '&', (size_t)(end - at));
        if (!pair_end)
            pair_end = end;
        const char *equals = memchr(at, '=', (size_t)(pair_end - at));
        if (!equals)
            equals = pair_end;
        const char *value = equals < pair_end ? equals + 1 : pair_end;
        if (at < pair_end && http_fields_decode(fields, HTTP_IN_QUERY, at, (size_t)(equals - at),
                                                value, (size_t)(pair_end - value)) != 0)
            return -EINVAL;
        at = pair_end < end ? pair_end + 1 : end;
    }
    return 0;
}

// Returns: 0, -EINVAL or -ENOMEM.
static int request_make(const struct route *route, const char *path, const char *end,
                        const struct http_target *target, struct http_request **out)
{
    struct http_request *request = heap_alloc_zeroed(sizeof(*request));
    if (!request)
        return -ENOMEM;
    request->route = &route->route;
    request->method = route->route.method;
    int error = path_fits(route->route.path, path, end, &request->fields) < 0 ||
                        query_read(&request->fields, target->query, target->query_end) != 0
                    ? -EINVAL
                    : 0;
    if (!error && request->fields.failed)
        error = -ENOMEM;
    if (!error)
        *out = request;
    else
        http_request_free(request);
    return error;
}

// Resolves dots that were sent as such; escaped ones are a parameter's own. `room` takes the
// result.
static int path_resolve(const char **path, const char **end, char *room)
{
    size_t length = (size_t)(*end - *path);
    memcpy(room, *path, length);
    int resolved = http_path_remove_dots(room, (int)length);
    if (resolved < 0)
        return resolved;
    *path = room;
    *end = room + resolved;
    return 0;
}

int http_route_find(unsigned method, const char *text, size_t length, struct http_request **request,
                    uint64_t *allowed)
{
    struct http_target target;
    char room[HTTP_TARGET_BYTES_MAX];
    *request = NULL;
    if (!first)
        return 0;
    if (http_target_split(text, length, &target) != 0)
        return -EINVAL;
    const char *path = target.path, *end = target.path_end;
    if (path_resolve(&path, &end, room) != 0)
        return -EINVAL;
    unsigned wanted = method == HTTP_HEAD ? HTTP_GET : method;
    for (const struct route *route = first; route; route = route->next) {
        if (!path_fits(route->route.path, path, end, NULL))
            continue;
        if (route->method == wanted)
            return request_make(route, path, end, &target, request);
        *allowed |= 1ull << route->method;
        if (route->method == HTTP_GET)
            *allowed |= 1ull << HTTP_HEAD;
    }
    return 0;
}
