// SPDX-License-Identifier: MIT
// apps/http/kv.c: any path under /kv/, any query, any conditions. What was put under a key that is
// accepted comes back, is listed so that it is found again, and all memory is free at the end.
#include "host.h"

#include <stdio.h>

#include "apps/http/kv.h"
#include "http/counters.h"
#include "http_input.h"
#include "http_kv_machine.h"
#include "require.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kv_serve(3);
    return 0;
}

// Asks for a path in a request of its own. Returns: the status.
static unsigned ask(struct conversation *talk, const char *method, const char *path,
                    size_t path_bytes, const char *body)
{
    char *request = malloc(path_bytes + 256);
    size_t used = (size_t)sprintf(request, "%s ", method);
    memcpy(request + used, path, path_bytes);
    used += path_bytes;
    used += (size_t)sprintf(request + used, " HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(body), body);
    conversation_start(talk, deliver_all);
    conversation_send(talk, (const uint8_t *)request, used, used);
    free(request);
    talk->output[talk->output_bytes] = '\0';
    unsigned status = 0;
    (void)!sscanf(talk->output, "HTTP/1.1 %u", &status);
    return status;
}

// What the list of keys shows leads to the value.
static void follow_list(void)
{
    static struct conversation talk;
    char path[4 * KV_KEY_BYTES_MAX] = "/kv/";
    require(ask(&talk, "GET", path, strlen(path), "") == 200);
    const char *key = strstr(talk.output, "\r\n\r\n") + 4;
    size_t length = strcspn(key, "\n");
    require(key[length] == '\n' && length + 4 < sizeof(path)); // once for each core: one store
    memcpy(path + 4, key, length);
    conversation_end(&talk);
    require(ask(&talk, "GET", path, 4 + length, "") == 200);
    require(strcmp(strstr(talk.output, "\r\n\r\n"), "\r\n\r\nvalue") == 0);
    conversation_end(&talk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct conversation talk;
    char path[4096] = "/kv/";
    if (size_bytes > sizeof(path) - 4)
        return 0;
    for (size_t i = 0; i < size_bytes; i++)
        if (data[i] <= ' ' || data[i] == '#' || data[i] > 126)
            return 0; // no target: that is another fuzzer's
    memcpy(path + 4, data, size_bytes);
    unsigned put = ask(&talk, "PUT", path, 4 + size_bytes, "value");
    conversation_end(&talk);
    if (put == 201) {
        require(ask(&talk, "GET", path, 4 + size_bytes, "") == 200);
        require(strcmp(strstr(talk.output, "\r\n\r\n"), "\r\n\r\nvalue") == 0);
        conversation_end(&talk);
        follow_list();
        require(ask(&talk, "DELETE", path, 4 + size_bytes, "") == 204);
        conversation_end(&talk);
    } else {
        unsigned got = ask(&talk, "GET", path, 4 + size_bytes, "");
        require(got == 200 || got == 404 || got == 414 || got == 400);
        conversation_end(&talk);
    }
    require(kv_counts_get().keys == 0 && kv_counts_get().used_bytes == 0);
    return 0;
}
