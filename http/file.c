// SPDX-License-Identifier: MIT
#include "http/file.h"

#include <errno.h>
#include <string.h>

#include "http/conditions.h"
#include "http/ranges.h"
#include "kernel/heap.h"

#define PARTIAL_LINE       "HTTP/1.1 206 Partial Content\r\n"
#define UNSATISFIABLE_LINE "HTTP/1.1 416 Range Not Satisfiable\r\n"

static void response_set(struct http_made *made, const char *status_line, unsigned status)
{
    made->response = (struct http_response){
        .data = made->text.data,
        .status_line_bytes = (uint32_t)strlen(status_line),
        .head_bytes = (uint32_t)made->text.used_bytes,
        .total_bytes = (uint32_t)made->text.used_bytes, // the body is in pieces of its own
        .status = status,
    };
}

static uint32_t body_bytes(const struct http_form *form)
{
    return form->full.total_bytes - form->full.head_bytes;
}

static bool unsatisfiable_make(struct http_made *made, const struct http_form *form)
{
    http_text_format(&made->text,
                     UNSATISFIABLE_LINE "Content-Length: 0\r\nContent-Range: bytes */%u\r\n\r\n",
                     body_bytes(form));
    response_set(made, UNSATISFIABLE_LINE, 416);
    return !made->text.failed;
}

static void piece_add(struct http_pieces *pieces, const char *data, size_t size_bytes, bool lasting)
{
    pieces->pieces[pieces->count++] = (struct http_piece){data, (uint32_t)size_bytes, lasting};
}

static void slice_add(struct http_pieces *pieces, const struct http_form *form,
                      const struct http_range *range)
{
    piece_add(pieces, form->full.data + form->full.head_bytes + range->first,
              range->last - range->first + 1, true);
}

// The fields that parts have as the whole has them, and the end of the head.
static void shared_fields_put(struct http_made *made, const struct http_form *form)
{
    http_text_put(&made->text, form->full.data + form->shared_at,
                  form->full.head_bytes - form->shared_at);
}

static void one_part_make(struct http_made *made, const char *content_type,
                          const struct http_form *form, const struct http_range *range)
{
    http_text_format(&made->text,
                     PARTIAL_LINE "Content-Type: %s\r\nContent-Length: %u\r\n"
                                  "Content-Range: bytes %u-%u/%u\r\n",
                     content_type, range->last - range->first + 1, range->first, range->last,
                     body_bytes(form));
    shared_fields_put(made, form);
    response_set(made, PARTIAL_LINE, 206);
    slice_add(made->body, form, range);
}

// Between the parts stands the form's tag, a hash over all of it, which it cannot hold itself.
// Spec: RFC 9110, 14.6; RFC 2046, 5.1.1.
static void parts_make(struct http_made *made, const char *content_type,
                       const struct http_form *form, const struct http_range *ranges, int count)
{
    int boundary_length = (int)strlen(form->etag) - 2;
    const char *boundary = form->etag + 1; // it is quoted
    uint64_t length = 0;
    struct http_text heads = {0};
    size_t ends[HTTP_RANGES_MAX + 1];
    for (int i = 0; i < count; i++) {
        http_text_format(&heads,
                         "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes %u-%u/%u\r\n\r\n",
                         boundary_length, boundary, content_type, ranges[i].first, ranges[i].last,
                         body_bytes(form));
        ends[i] = heads.used_bytes;
        length += ranges[i].last - ranges[i].first + 1;
    }
    http_text_format(&heads, "\r\n--%.*s--\r\n", boundary_length, boundary);
    ends[count] = heads.used_bytes;
    http_text_format(&made->text,
                     PARTIAL_LINE "Content-Type: multipart/byteranges; boundary=%.*s\r\n"
                                  "Content-Length: %llu\r\n",
                     boundary_length, boundary, (unsigned long long)(length + heads.used_bytes));
    shared_fields_put(made, form);
    size_t head_bytes = made->text.used_bytes, at = 0;
    if (heads.failed)
        made->text.failed = true;
    else
        http_text_put(&made->text, heads.data, heads.used_bytes);
    http_text_free(&heads);
    if (made->text.failed)
        return;
    const char *text = made->text.data + head_bytes;
    for (int i = 0; i <= count; at = ends[i++]) {
        piece_add(made->body, text + at, ends[i] - at, false);
        if (i < count)
            slice_add(made->body, form, &ranges[i]);
    }
    response_set(made, PARTIAL_LINE, 206);
    made->response.head_bytes = made->response.total_bytes = (uint32_t)head_bytes;
}

static bool partial_make(struct http_made *made, const char *content_type,
                         const struct http_form *form, const struct http_range *ranges, int count)
{
    size_t pieces = 2 * (size_t)count + 1;
    made->body = heap_alloc_zeroed(sizeof(*made->body) + pieces * sizeof(struct http_piece));
    if (!made->body)
        return false;
    if (count == 1)
        one_part_make(made, content_type, form, ranges);
    else
        parts_make(made, content_type, form, ranges, count);
    return !made->text.failed;
}

const struct http_response *http_file_answer(const struct http_resource *file,
                                             const struct http_known_fields *fields, bool is_get,
                                             struct http_made *made)
{
    *made = (struct http_made){0};
    if (!fields)
        return &file->forms[HTTP_IDENTITY].full;
    struct http_slice accepted = http_known_fields_get(fields, HTTP_FIELD_ACCEPT_ENCODING);
    bool has_gzip = file->forms[HTTP_GZIP].etag != NULL;
    int encoding = http_encoding_choose(accepted.at, accepted.length, has_gzip);
    if (encoding < 0)
        return http_status_response(406);
    const struct http_form *form = &file->forms[encoding];
    struct http_validators current = {form->etag, file->modified_unix_seconds};
    switch (http_conditions_judge(fields, &current, true)) {
    case HTTP_NOT_MODIFIED:
        return &form->not_modified;
    case HTTP_PRECONDITION_FAILED:
        return http_status_response(412);
    case HTTP_PROCEED:
        break;
    }
    struct http_slice range = http_known_fields_get(fields, HTTP_FIELD_RANGE);
    if (!is_get || !range.at || !http_range_counts(fields, &current))
        return &form->full;
    struct http_range ranges[HTTP_RANGES_MAX];
    int count = http_ranges_read(range.at, range.length, body_bytes(form), ranges);
    if (count == 0)
        return &form->full;
    bool is_made = count < 0 ? unsatisfiable_make(made, form)
                             : partial_make(made, file->content_type, form, ranges, count);
    return is_made ? &made->response : NULL;
}
