// SPDX-License-Identifier: MIT
#include "http/memo.h"

#include <string.h>

#include "http/date.h"
#include "kernel/heap.h"

#define MEMOS 16 // by length: requests that differ mostly differ in it

static PERCORE struct http_memo *memos;
static PERCORE unsigned last; // where the last one was found: the first of several in one piece

static bool begins_with(const char *data, size_t size_bytes, const struct http_memo *memo)
{
    return memo->response != NULL && memo->request_bytes <= size_bytes &&
           memcmp(data, memo->request, memo->request_bytes) == 0;
}

// Puts the response together with the date of now, which it keeps for up to a second.
static void make_text(struct http_memo *memo)
{
    const struct http_response *response = memo->response;
    const char *date = http_date_line();
    size_t used = response->status_line_bytes, date_bytes = date ? HTTP_DATE_LINE_BYTES : 0;
    memo->date = http_date_number;
    memo->text_bytes = 0;
    if (response->total_bytes + date_bytes > sizeof(memo->text))
        return;
    memo->text_bytes = (uint32_t)(response->total_bytes + date_bytes);
    memcpy(memo->text, response->data, used);
    if (date)
        memcpy(memo->text + used, date, date_bytes);
    memcpy(memo->text + used + date_bytes, response->data + used, response->total_bytes - used);
}

const struct http_memo *http_memo_find(const char *data, size_t size_bytes)
{
    if (memos == NULL)
        return NULL;
    if (!begins_with(data, size_bytes, &memos[last])) {
        unsigned other = size_bytes % MEMOS;
        if (other == last || !begins_with(data, size_bytes, &memos[other]))
            return NULL;
        last = other;
    }
    struct http_memo *memo = &memos[last];
    if (memo->date != http_date_number)
        make_text(memo);
    return memo;
}

void http_memo_keep(const char *request, size_t size_bytes, const struct http_response *response)
{
    if (size_bytes > HTTP_MEMO_BYTES_MAX)
        return;
    if (memos == NULL && (memos = heap_alloc_zeroed(sizeof(*memos) * MEMOS)) == NULL)
        return; // it goes without
    struct http_memo *memo = &memos[size_bytes % MEMOS];
    memo->response = response;
    memo->request_bytes = size_bytes;
    memcpy(memo->request, request, size_bytes);
    make_text(memo);
}

void http_memo_forget(void)
{
    heap_free(memos);
    memos = NULL;
}
