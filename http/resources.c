// SPDX-License-Identifier: MIT
#include "http/resources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/panic.h"

#define RENDERED_STATUS_LINE "HTTP/1.1 200 OK\r\n"
#define RENDERED_HEAD_MAX    256

static struct {
    const struct http_resource *resources;
    size_t count;
} tables[HTTP_TABLES_MAX];

void http_serve(const struct http_resource *table, size_t count)
{
    size_t i = 0;
    while (i < HTTP_TABLES_MAX && tables[i].resources)
        i++;
    ASSERT(i < HTTP_TABLES_MAX);
    tables[i].resources = table;
    tables[i].count = count;
}

// Shorter paths first, which a length comparison decides without reading them.
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
    const struct http_resource *found = NULL;
    for (size_t i = 0; !found && i < HTTP_TABLES_MAX && tables[i].resources; i++)
        found = table_find(tables[i].resources, tables[i].count, path, length);
    return found;
}

bool http_has_folder(const char *folder, size_t length)
{
    for (size_t i = 0; i < HTTP_TABLES_MAX; i++) {
        for (size_t k = 0; k < tables[i].count; k++) {
            const char *path = tables[i].resources[k].path;
            if (strncmp(path + 1, folder, length) == 0 && path[1 + length] == '/')
                return true;
        }
    }
    return false;
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

const struct http_response *http_status_find(unsigned status)
{
    for (size_t i = 0; i < http_status_responses_count; i++) {
        if (http_status_responses[i].status == status)
            return &http_status_responses[i];
    }
    return NULL;
}

const struct http_response *http_status_response(unsigned status)
{
    const struct http_response *response = http_status_find(status);
    if (response)
        return response;
    panic("http: no response is made for status: %u", status);
}
