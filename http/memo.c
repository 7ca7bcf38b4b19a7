// SPDX-License-Identifier: MIT
#include "http/memo.h"

#include <string.h>

#include "kernel/heap.h"

#define MEMOS 16 // by length: requests that differ mostly differ in it

struct memo {
    const struct http_response *response; // NULL: empty
    size_t size_bytes;
    char request[HTTP_MEMO_BYTES_MAX];
};

static PERCORE struct memo *memos;
static PERCORE unsigned last; // where the last one was found: the first of several in one piece

static bool begins_with(const char *data, size_t size_bytes, const struct memo *memo)
{
    return memo->response != NULL && memo->size_bytes <= size_bytes &&
           memcmp(data, memo->request, memo->size_bytes) == 0;
}

const struct http_response *http_memo_find(const char *data, size_t size_bytes,
                                           size_t *request_bytes)
{
    if (memos == NULL)
        return NULL;
    if (!begins_with(data, size_bytes, &memos[last])) {
        unsigned other = size_bytes % MEMOS;
        if (other == last || !begins_with(data, size_bytes, &memos[other]))
            return NULL;
        last = other;
    }
    *request_bytes = memos[last].size_bytes;
    return memos[last].response;
}

void http_memo_keep(const char *request, size_t size_bytes, const struct http_response *response)
{
    if (size_bytes > HTTP_MEMO_BYTES_MAX)
        return;
    if (memos == NULL && (memos = heap_alloc_zeroed(sizeof(*memos) * MEMOS)) == NULL)
        return; // it goes without
    struct memo *memo = &memos[size_bytes % MEMOS];
    memo->response = response;
    memo->size_bytes = size_bytes;
    memcpy(memo->request, request, size_bytes);
}

void http_memo_forget(void)
{
    heap_free(memos);
    memos = NULL;
}
