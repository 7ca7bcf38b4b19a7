// SPDX-License-Identifier: MIT
// URLs that can be fetched, those that cannot, and where redirections lead.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/fetch/url.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *authority, *target;
        uint16_t port;
        bool secure;
    } good[] = {
        {"http://a.org", "a.org", "a.org", "/", 80, false},
        {"HTTPS://a.org/x?y#z", "a.org", "a.org", "/x?y", 443, true},
        {"http://a.org:80/", "a.org", "a.org", "/", 80, false},
        {"https://a.org:80?q", "a.org", "a.org:80", "/?q", 80, true},
        {"http://192.0.2.1:8080/a/b", "192.0.2.1", "192.0.2.1:8080", "/a/b", 8080, false},
        {"http://[2001:db8::1]/", "2001:db8::1", "[2001:db8::1]", "/", 80, false},
        {"https://[::1]:444", "::1", "[::1]:444", "/", 444, true},
    };
    struct url url;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        assert_true(url_parse(good[i].text, &url));
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.authority, good[i].authority);
        assert_string_equal(url.target, good[i].target);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.secure, good[i].secure);
    }
    static const char *const bad[] = {
        "",
        "a.org",
        "ftp://a.org",
        "http://",
        "http:///x",
        "http://:1",
        "http://a.org:0",
        "http://a.org:x",
        "http://a.org:",
        "http://a.org:65536",
        "http://[::1",
        "http://[]/",
        "http://a.org/a b",
        "http://a@b.org",
        "http://[::1]x/",
        "http://a.org:80x/",
        "http://a.org/\r\nX: y",
        "http://a.org[:80/",
        "http://a\\b.org/",
        "http://[a.org]/",
        "http://a.org:+80/",
        "http://a.org:-18446744073709551615/",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(url_parse(bad[i], &url));
    char *text = malloc(10000);
    for (size_t size = 200; size < 9000; size += 97) {
        memset(text, 'a', size);
        text[size] = '\0';
        memcpy(text, "http://", 7);
        assert_true(!url_parse(text, &url) || size < 300);
        memcpy(text, "http://b/", 9);
        assert_int_equal(url_parse(text, &url), size < 8 + URL_BYTES_MAX - 1);
    }
    free(text);
}

static void test_follow(void **state)
{
    (void)state;
    static const struct {
        const char *from, *location, *host, *target;
    } good[] = {
        {"http://a.org/x/y?q", "/z", "a.org", "/z"},
        {"http://a.org/x/y?q/r", "z#f", "a.org", "/x/z"},
        {"http://a.org/x/y?q/r", "?s", "a.org", "/x/y?s"},
        {"http://a.org", "z", "a.org", "/z"},
        {"http://a.org/x", "https://b.org/w", "b.org", "/w"},
        {"https://a.org/x", "//b.org:1/w", "b.org", "/w"},
        {"http://a.org/x", "/z?u=http://b.org/", "a.org", "/z?u=http://b.org/"},
    };
    struct url url;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        assert_true(url_parse(good[i].from, &url));
        assert_true(url_follow(&url, good[i].location));
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.target, good[i].target);
    }
    assert_true(url_parse("https://a.org/x", &url));
    assert_false(url_follow(&url, ""));
    assert_false(url_follow(&url, "a b"));
    assert_false(url_follow(&url, "gopher://a.org"));
    char long_one[URL_BYTES_MAX + 10];
    memset(long_one, 'a', sizeof(long_one));
    long_one[sizeof(long_one) - 1] = '\0';
    assert_false(url_follow(&url, long_one));
    long_one[0] = '/';
    assert_false(url_follow(&url, long_one));
    long_one[1] = '/';
    assert_false(url_follow(&url, long_one));
    long_one[3] = '/'; // its scheme makes it longer still
    assert_true(url_parse("https://a.org/x", &url));
    assert_false(url_follow(&url, long_one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_follow),
    };
    return cmocka_run_group_tests_name("fetch_url", tests, NULL, NULL);
}
