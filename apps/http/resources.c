// SPDX-License-Identifier: MIT
#include "apps/http/resources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/http/page.h"
#include "kernel/panic.h"

#define RENDERED_STATUS_LINE "HTTP/1.1 200 OK\r\n"
#define RENDERED_HEAD_MAX    256

static void healthz_render(struct http_text *text)
{
    http_text_put(text, "ok\n", 3);
}

#define RENDERED(path_text, type, function)                                                        \
    {                                                                                              \
        .path = path_text, .path_length = sizeof(path_text) - 1, .content_type = type,             \
        .render = function                                                                         \
    }

static const struct http_resource rendered[] = {
    RENDERED("/", "text/html; charset=utf-8", http_page_render),
    RENDERED("/healthz", "text/plain; charset=utf-8", healthz_render),
    RENDERED("/metrics", "text/plain; version=0.0.4; charset=utf-8", http_metrics_render),
    RENDERED("/status.json", "application/json", http_status_render),
};

// Order of the tables: shorter paths first, which a length comparison decides without reading them.
static int path_compare(const struct http_resource *resource, const char *path, size_t length)
{
    if (resource->path_length != length)
        return resource->path_length < length ? -1 : 1;
    return memcmp(resource->path, path, length);
}

static const struct http_resource *table_find(const struct http_resource *table, size_t count,
                                              const char *path, size_t length)
{
    while (count > 0) {
        const struct http_resource *middle = &table[count / 2];
        int order = path_compare(middle, path, length);
        if (order == 0)
            return middle;
        if (order < 0) {
            table = middle + 1;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return NULL;
}

const struct http_resource *http_find(const char *path, size_t length)
{
    const struct http_resource *found = table_find(http_files, http_files_count, path, length);
    return found ? found : table_find(rendered, ARRAY_COUNT(rendered), path, length);
}

int http_render(const struct http_resource *resource, struct http_text *text,
                struct http_response *response)
{
    // The head holds the body's length: it is written last, right before the body.
    static const char room[RENDERED_HEAD_MAX];
    http_text_put(text, room, sizeof(room));
    resource->render(text);
    if (text->failed)
        return -ENOMEM;
    size_t body_bytes = text->used_bytes - sizeof(room);
    char head[RENDERED_HEAD_MAX];
    int head_bytes = snprintf(head, sizeof(head),
                              RENDERED_STATUS_LINE "Content-Type: %s\r\n"
                                                   "Content-Length: %zu\r\n"
                                                   "Cache-Control: no-store\r\n"
                                                   "X-Content-Type-Options: nosniff\r\n\r\n",
                              resource->content_type, body_bytes);
    ASSERT(head_bytes > 0 && (size_t)head_bytes < sizeof(head));
    char *start = text->data + sizeof(room) - head_bytes;
    memcpy(start, head, (size_t)head_bytes);
    *response = (struct http_response){.data = start,
                                       .status_line_bytes = sizeof(RENDERED_STATUS_LINE) - 1,
                                       .head_bytes = (uint32_t)head_bytes,
                                       .total_bytes = (uint32_t)(head_bytes + body_bytes),
                                       .status = 200};
    return 0;
}

const struct http_response *http_status_response(unsigned status)
{
    for (size_t i = 0; i < http_status_responses_count; i++) {
        if (http_status_responses[i].status == status)
            return &http_status_responses[i];
    }
    panic("http: no response is made for status: %u", status);
}
