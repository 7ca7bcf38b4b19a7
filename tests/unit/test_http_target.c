// SPDX-License-Identifier: MIT
// http/target.c: request targets become paths, and none leads out of what is served.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/target.h"
#include "kernel/compiler.h"

static void targets_become_paths(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path; // NULL: refused
    } table[] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a?b", "/a"},
        {"/a#b", "/a"},
        {"/?", "/"},
        {"/%41%7e%7E", "/A~~"},
        {"/a%2Fb", "/a/b"},
        {"/%e2%82%ac", "/\xe2\x82\xac"},
        {"/.", "/"},
        {"/./", "/"},
        {"/a/.", "/a/"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/b/../c", "/a/c"},
        {"/a/./b/./c", "/a/b/c"},
        {"/a/b/../../c", "/c"},
        {"/a//b", "/a//b"},
        {"/a//..", "/a/"},
        {"//..", "/"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"/a?/../..", "/a"},
        {"http://h/a", "/a"},
        {"HTTP://h:80/a/../b", "/b"},
        {"http://h", "/"},
        {"http://h?x", "/"},
        {"..", NULL},
        {"/..", NULL},
        {"/../", NULL},
        {"/a/../..", NULL},
        {"/%2e%2e", NULL},
        {"/%2e%2e%2fa", NULL},
        {"/.%2E/a", NULL},
        {"/%", NULL},
        {"/%1", NULL},
        {"/%g0", NULL},
        {"/%00", NULL},
        {"/a%00b", NULL},
        {"", NULL},
        {"*", NULL},
        {"a", NULL},
        {"http:/a", NULL},
        {"http://", NULL},
        {"https://h/a", "/a"},
        {"HTTPS://h", "/"},
        {"https://", NULL},
        {"ftp://h/a", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        size_t size = strlen(table[i].target);
        char *target = exact_copy(table[i].target, size);
        char path[HTTP_TARGET_BYTES_MAX];
        int length = http_target_path(target, size, path);
        free(target);
        if (!table[i].path ? length != -EINVAL
                           : length < 0 || (size_t)length != strlen(table[i].path) ||
                                 memcmp(path, table[i].path, (size_t)length) != 0)
            fail_msg("%s became %.*s (%d)", table[i].target, length > 0 ? length : 0, path, length);
    }
}

// Any target becomes a path without dot segments, no longer than it was, or is refused.
static void no_target_escapes(void **state)
{
    (void)state;
    static const char letters[] = "//..%2eEf05a?#";
    srand(7);
    for (int round = 0; round < 100000; round++) {
        char target[24], path[HTTP_TARGET_BYTES_MAX], text[26];
        size_t size = 1 + (size_t)rand() % (sizeof(target) - 1);
        target[0] = '/';
        for (size_t i = 1; i < size; i++)
            target[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
        int length = http_target_path(target, size, path);
        if (length < 0)
            continue;
        assert_true((size_t)length <= size && length > 0 && path[0] == '/');
        snprintf(text, sizeof(text), "%.*s/", length, path);
        assert_null(strstr(text, "/../"));
        assert_null(strstr(text, "/./"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_become_paths),
        cmocka_unit_test(no_target_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
