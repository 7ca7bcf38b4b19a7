// SPDX-License-Identifier: MIT
#include "http/text.h"

#include <stdio.h>
#include <string.h>

#include "kernel/heap.h"

// Makes room for `size_bytes` more and a NUL.
static bool text_reserve(struct http_text *text, size_t size_bytes)
{
    if (text->failed || size_bytes > HTTP_TEXT_BYTES_MAX) {
        text->failed = true;
        return false;
    }
    size_t needed = text->used_bytes + size_bytes + 1;
    if (needed <= text->capacity_bytes)
        return true;
    size_t capacity = text->capacity_bytes ? text->capacity_bytes : 1024;
    while (capacity < needed)
        capacity *= 2;
    char *block = capacity <= HTTP_TEXT_BYTES_MAX ? heap_alloc(capacity) : NULL;
    if (!block) {
        text->failed = true;
        return false;
    }
    if (text->used_bytes)
        memcpy(block, text->data, text->used_bytes);
    heap_free(text->data);
    text->data = block;
    text->capacity_bytes = capacity;
    return true;
}

void http_text_put(struct http_text *text, const char *data, size_t size_bytes)
{
    if (!text_reserve(text, size_bytes))
        return;
    memcpy(text->data + text->used_bytes, data, size_bytes);
    text->used_bytes += size_bytes;
}

void http_text_format_list(struct http_text *text, const char *format, va_list arguments)
{
    char line[256];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    if (length < 0)
        text->failed = true;
    else if ((size_t)length < sizeof(line))
        http_text_put(text, line, (size_t)length);
    else if (text_reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->used_bytes, (size_t)length + 1, format, again);
        text->used_bytes += (size_t)length;
    }
    va_end(again);
}

void http_text_format(struct http_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    http_text_format_list(text, format, arguments);
    va_end(arguments);
}

void http_text_free(struct http_text *text)
{
    heap_free(text->data);
    *text = (struct http_text){0};
}
