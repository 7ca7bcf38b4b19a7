// SPDX-License-Identifier: MIT
// Virtual hosts: which names there are, and what each serves.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "apps/http/site.h"
#include "http/hosts.h"
#include "http/http.h"
#include "http_client.h"
#include "http_machine.h"

static void hosts_that_make_no_sense_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wrong;
    } table[] = {
        {"", "it is NAME:FOLDER"},
        {"name", "it is NAME:FOLDER"},
        {":folder", "it is NAME:FOLDER"},
        {"[::1]", "it is NAME:FOLDER"},
        {"name:", "it names no folder"},
        {"name:/", "it names no folder"},
        {"name:80:folder", "its name has a port or a dot at its end"},
        {"name.:folder", "its name has a port or a dot at its end"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        assert_string_equal(http_host_add(table[i].text), table[i].wrong);
    assert_int_equal(http_hosts_count, 0);
    assert_null(http_host_find("name", 4));
}

static void hosts_are_found_by_any_spelling(void **state)
{
    (void)state;
    assert_null(http_host_add("example.org:example"));
    assert_null(http_host_add("[2001:db8::1]:/example/"));
    assert_null(http_host_add("10.0.0.1:example"));
    assert_string_equal(http_host_add("Example.Org:other"), "that name has a folder already");
    assert_null(http_host_without_files());
    assert_null(http_host_add("empty.org:hello.txt"));
    assert_string_equal(http_host_without_files(), "empty.org:hello.txt");
    static const struct {
        const char *value;
        int host; // -1: none
    } table[] = {
        {"example.org", 0},
        {"EXAMPLE.org", 0},
        {"example.org:8080", 0},
        {"example.org:", 0},
        {"example.org.", 0},
        {"example.org.:80", 0},
        {"[2001:DB8::1]", 1},
        {"[2001:db8::1]:80", 1},
        {"10.0.0.1", 2},
        {"10.0.0.1:80", 2},
        {"", -1},
        {".", -1},
        {":80", -1},
        {"example.or", -1},
        {"example.orgx", -1},
        {"www.example.org", -1},
        {"2001:db8::1", -1},
        {"[2001:db8::1", -1},
        {"[", -1},
        {"example.org..", -1},
    };
    const struct http_host *first = http_host_find("example.org", 11);
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        size_t size = strlen(table[i].value);
        char *value = exact_copy(table[i].value, size);
        const struct http_host *found = http_host_find(value, size);
        free(value);
        if (found != (table[i].host < 0 ? NULL : first + table[i].host))
            fail_msg("%s", table[i].value);
    }
}

static void route_handle(struct http_request *request)
{
    http_answer_format(request, 200, "the route\n");
}

// What shows who answered.
#define FOLDER "Another host"
#define TOP    "<title>Toril"
#define ROUTE  "the route"

static void each_host_serves_its_folder(void **state)
{
    (void)state;
    http_route("GET", "/*rest", route_handle);
    static const struct {
        const char *request;
        unsigned status;
        const char *body;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: toril\r\n\r\n", 200, TOP},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 200, TOP},
        {"GET / HTTP/1.0\r\n\r\n", 200, TOP},
        {"GET /example/ HTTP/1.1\r\nHost: toril\r\n\r\n", 200, FOLDER},
        {"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 200, FOLDER},
        {"GET / HTTP/1.0\r\nHost: Example.org:80\r\n\r\n", 200, FOLDER},
        {"GET /index.html?x HTTP/1.1\r\nHost: example.org\r\n\r\n", 200, FOLDER},
        {"GET /%69ndex.html HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n", 200, FOLDER},
        {"GET /a/../ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", 200, FOLDER},
        {"HEAD / HTTP/1.1\r\nHost: example.org\r\n\r\n", 200, ""},
        // it serves nothing else, neither pages nor routes, nor what is above
        {"GET /metrics HTTP/1.1\r\nHost: example.org\r\n\r\n", 404, NULL},
        {"GET /hello.txt HTTP/1.1\r\nHost: example.org\r\n\r\n", 404, NULL},
        {"GET /anything HTTP/1.1\r\nHost: example.org\r\n\r\n", 404, NULL},
        {"GET /%2e%2e/hello.txt HTTP/1.1\r\nHost: example.org\r\n\r\n", 400, NULL},
        {"GET /anything HTTP/1.1\r\nHost: other.org\r\n\r\n", 200, ROUTE},
        {"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\n\r\nx", 405, NULL},
        // the target's authority is preferred
        {"GET http://example.org:80/ HTTP/1.1\r\nHost: toril\r\n\r\n", 200, FOLDER},
        {"GET http://toril/ HTTP/1.1\r\nHost: example.org\r\n\r\n", 200, TOP},
        {"GET http://example.org HTTP/1.0\r\n\r\n", 200, FOLDER},
        // fields before Host count as well
        {"GET / HTTP/1.1\r\nIf-None-Match: *\r\nHost: example.org\r\n\r\n", 304, ""},
        {"GET /index.html HTTP/1.1\r\nRange: bytes=0-0\r\nHost: example.org\r\n\r\n", 206, "<"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        const char *request = table[i].request;
        exchange(request);
        const char *body = strstr(client.output, "\r\n\r\n") + 4;
        if (status_of(client.output) != table[i].status ||
            (table[i].body && !strstr(body, table[i].body)) ||
            (table[i].body && !*table[i].body && *body))
            fail_msg("%s => %s", request, client.output);
        client_close();
        for (size_t cut = 1; cut < strlen(request); cut++) {
            client_open();
            client_send_cut(request, strlen(request), cut);
            assert_int_equal(status_of(client.output), table[i].status);
            client_close();
        }
    }
}

int main(void)
{
    site_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_that_make_no_sense_are_named),
        cmocka_unit_test(hosts_are_found_by_any_spelling),
        cmocka_unit_test(each_host_serves_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
