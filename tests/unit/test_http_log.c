// SPDX-License-Identifier: MIT
// The access log: what its lines say of requests, and how they get to a console that is slow.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/http/site.h"
#include "http/access_log.h"
#include "http/connection_log.h"
#include "http/counters.h"
#include "http/http.h"
#include "http_client.h"
#include "http_machine.h"
#include "kernel/console.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "smp/exchange.h"

// ---- the machine --------------------------------------------------------------------------------

static char console[1 << 16];
static size_t console_used;
static uint64_t now_ns, slept_ns, line_takes_ns;
static void (*write_lines)(void *argument);
static jmp_buf waits;
static struct exchange_message *bell;

void console_write(const char *text, size_t size_bytes)
{
    assert_true(console_used + size_bytes < sizeof(console));
    memcpy(console + console_used, text, size_bytes);
    console_used += size_bytes;
    console[console_used] = '\0';
    now_ns += line_takes_ns;
}

uint64_t time_now_ns(void)
{
    return now_ns;
}

void thread_sleep_until(uint64_t deadline_ns)
{
    slept_ns += deadline_ns - now_ns;
    now_ns = deadline_ns;
}

struct thread *thread_create_with_options(const char *name, void (*entry)(void *argument),
                                          void *argument, const struct thread_options *options)
{
    assert_string_equal(name, "access log");
    assert_null(argument);
    assert_int_equal(options->priority, THREAD_BACKGROUND);
    write_lines = entry;
    return (struct thread *)console;
}

void event_set(struct event *event)
{
    event->is_set = true;
}

void event_clear(struct event *event)
{
    event->is_set = false;
}

void event_wait(struct event *event)
{
    if (!event->is_set)
        longjmp(waits, 1);
}

void exchange_send(unsigned core, struct exchange_message *message)
{
    assert_int_equal(core, 0);
    assert_null(bell); // one at a time
    bell = message;
}

// The bell arrives, and the thread runs until it waits again.
static void take_all(void)
{
    if (bell) {
        struct exchange_message *arrived = bell;
        bell = NULL;
        arrived->receive(arrived);
    }
    if (setjmp(waits) == 0)
        write_lines(NULL);
}

// The line of what was done since the last time, without its time.
static const char *line(void)
{
    static char text[4096];
    take_all();
    char *open = strchr(console, '['), *close = open ? strchr(open, ']') : NULL;
    assert_non_null(close);
    assert_int_equal(close - open, strlen("[20/Nov/2026:13:56:22 +0000"));
    snprintf(text, sizeof(text), "%.*s%s", (int)(open - console), console, close + 2);
    console_used = 0;
    console[0] = '\0';
    return text;
}

static void client_is(const struct http_connection *connection, char *text)
{
    assert_ptr_equal(connection, &client.http);
    strcpy(text, "10.0.0.9");
}

static void handle(struct http_request *request)
{
    http_answer_format(request, 201, "made\n");
}

// A body of 10,000 bytes in pieces, made while it is sent.
static size_t produce(void *context, char *buffer, size_t size_bytes)
{
    size_t *left = context;
    size_t now = *left < size_bytes ? *left : size_bytes;
    memset(buffer, 'x', now);
    *left -= now;
    return now;
}

static void handle_long(struct http_request *request)
{
    static size_t left;
    left = 10000;
    http_answer(request,
                &(struct http_answer){.status = 200, .produce = produce, .context = &left});
}

// ---- lines --------------------------------------------------------------------------------------

static void lines_are_in_the_common_format(void **state)
{
    (void)state;
    static const struct {
        const char *request, *line;
    } table[] = {
        {"GET /hello.txt HTTP/1.1\r\n" HOST "\r\n",
         "10.0.0.9 - - \"GET /hello.txt HTTP/1.1\" 200 128\n"},
        {"GET /hello.txt HTTP/1.1\r\n" HOST "\r\n", // no memo keeps it from being read
         "10.0.0.9 - - \"GET /hello.txt HTTP/1.1\" 200 128\n"},
        {"GET /hello.txt HTTP/1.0\r\n\r\n", "10.0.0.9 - - \"GET /hello.txt HTTP/1.0\" 200 128\n"},
        {"HEAD /hello.txt HTTP/1.1\r\n" HOST "\r\n",
         "10.0.0.9 - - \"HEAD /hello.txt HTTP/1.1\" 200 -\n"},
        {"GET /hello.txt?a=%20b HTTP/1.1\r\n" HOST "Range: bytes=0-9\r\n\r\n",
         "10.0.0.9 - - \"GET /hello.txt?a=%20b HTTP/1.1\" 206 10\n"},
        {"GET /hello.txt HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n",
         "10.0.0.9 - - \"GET /hello.txt HTTP/1.1\" 304 -\n"},
        {"POST /make HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab",
         "10.0.0.9 - - \"POST /make HTTP/1.1\" 201 5\n"},
        {"DELETE /hello.txt HTTP/1.1\r\n" HOST "\r\n", NULL},
        {"GET /no\"quote\\ HTTP/1.1\r\n" HOST "\r\n", NULL},
    };
    assert_null(http_access_log_set("on"));
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        exchange(table[i].request);
        client_close();
        const char *said = line();
        if (table[i].line)
            assert_string_equal(said, table[i].line);
    }
    exchange("\x1b[31m\r\n\r\n");
    client_close();
    assert_memory_equal(line(), "10.0.0.9 - - \"-\" 400 ", 21);
}

static void bodies_made_while_they_are_sent_are_measured(void **state)
{
    (void)state;
    static const char request[] = "GET /long HTTP/1.1\r\n" HOST "User-Agent: a\r\n\r\n";
    static const char whole[] = "10.0.0.9 - - \"GET /long HTTP/1.1\" 200 10000 \"-\" \"a\"\n";
    assert_null(http_access_log_set("combined"));
    exchange(request);
    assert_string_equal(line(), whole);                           // without what frames its chunks
    static const char next[] = "GET /a HTTP/1.1\r\n" HOST "\r\n"; // on the same connection
    client_send(next, sizeof(next) - 1);
    assert_non_null(strstr(line(), "\"GET /a HTTP/1.1\" 404 "));
    client_close();
    assert_null(bell);
    exchange("GET /long HTTP/1.0\r\n\r\n");
    client_close();
    assert_non_null(strstr(line(), "\"GET /long HTTP/1.0\" 200 10000 "));
    exchange("HEAD /long HTTP/1.1\r\n" HOST "\r\n");
    client_close();
    assert_non_null(strstr(line(), "\"HEAD /long HTTP/1.1\" 200 - "));
    // its line comes at its end
    client_open();
    client.room = 5000;
    client_send(request, sizeof(request) - 1);
    assert_null(bell);
    client.room = SIZE_MAX;
    http_connection_resume(&client.http);
    assert_string_equal(line(), whole);
    client_close();
    // or the client's, with what was made until then
    client_open();
    client.room = 5000;
    client_send(request, sizeof(request) - 1);
    client_close();
    assert_non_null(strstr(line(), "\"GET /long HTTP/1.1\" 200 8192 \"-\" \"a\"\n"));
}

static void what_clients_write_is_escaped(void **state)
{
    (void)state;
    assert_null(http_access_log_set("combined"));
    exchange("GET /a HTTP/1.1\r\n" HOST
             "User-Agent: a\"b\\c\x80\xff\td\r\nReferer: http://x/\r\n\r\n");
    client_close();
    const char *said = line();
    assert_non_null(strstr(said, "\"GET /a HTTP/1.1\" 404 "));
    assert_non_null(strstr(said, " \"http://x/\" \"a\\x22b\\x5Cc\\x80\\xFF\\x09d\"\n"));
    exchange("GET /a HTTP/1.1\r\n" HOST "User-Agent:\r\n\r\n");
    client_close();
    assert_non_null(strstr(line(), " \"-\" \"-\"\n"));
    // as long as they come
    static char request[9000];
    sprintf(request, "GET /%04000d HTTP/1.1\r\n" HOST "User-Agent: ", 7);
    memset(request + strlen(request), '"', 1800);
    strcat(request, "\r\nReferer: ");
    memset(request + strlen(request), '\\', 1800);
    strcat(request, "\r\n\r\n");
    exchange(request);
    client_close();
    said = line();
    assert_true(strlen(said) < 2048);
    assert_non_null(strstr(said, "000... HTTP/1.1\" 404 "));
    assert_non_null(strstr(said, "\\x5C...\" \"\\x22\\x22"));
    assert_string_equal(said + strlen(said) - 9, "\\x22...\"\n");
}

// ---- the way to the console ---------------------------------------------------------------------

static const struct http_access plain = {
    .client = "c", .method = "GET", .target = {"/", 1}, .major = 1, .minor = 1, .status = 200};

static unsigned lines_shown(void)
{
    unsigned count = 0;
    for (const char *at = console; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    console_used = 0;
    console[0] = '\0';
    return count;
}

static void a_slow_console_has_a_tenth_of_the_time(void **state)
{
    (void)state;
    assert_null(http_access_log_set("on"));
    line_takes_ns = 8 * NS_PER_MS;
    slept_ns = 0;
    for (int i = 0; i < 10; i++)
        http_access_log_write(&plain);
    uint64_t begin_ns = now_ns;
    take_all();
    assert_int_equal(lines_shown(), 10);
    assert_int_equal(slept_ns, 10 * 9 * line_takes_ns);
    assert_int_equal(now_ns - begin_ns, slept_ns + 10 * line_takes_ns);
    line_takes_ns = 0;
}

static void lines_without_room_are_counted(void **state)
{
    (void)state;
    host_log_clear();
    for (int i = 0; i < 1000; i++)
        http_access_log_write(&plain);
    take_all();
    unsigned shown = lines_shown();
    assert_in_range(shown, 16384 / 64, 16384 / 40);
    char text[64];
    snprintf(text, sizeof(text), "the access log has lost %u lines", 1000 - shown);
    assert_true(host_log_has(text));
    assert_int_equal(http_counted_total(HTTP_LOG_LINES_LOST), 1000 - shown);
    // Once is enough; and then there is room again.
    host_log_clear();
    for (int i = 0; i < 1000; i++)
        http_access_log_write(&plain);
    take_all();
    unsigned lost = 2000 - shown - lines_shown();
    assert_string_equal(host_log, "");
    assert_int_equal(http_counted_total(HTTP_LOG_LINES_LOST), lost);
    http_access_log_finish(now_ns);
    snprintf(text, sizeof(text), "the access log has lost %u lines", lost);
    assert_true(host_log_has(text));
    take_all();
    host_log_clear();
    http_access_log_write(&plain);
    take_all();
    assert_int_equal(lines_shown(), 1);
    assert_string_equal(host_log, "");
}

static void lines_are_whole_wherever_the_ring_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        http_access_log_write(&plain);
        assert_string_equal(line(), "c - - \"GET / HTTP/1.1\" 200 -\n");
    }
}

static void a_core_without_a_ring_writes_nothing(void **state)
{
    (void)state;
    core_this_index = 2;
    http_access_log_write(&plain);
    core_this_index = 0;
    assert_null(bell);
}

static void settings_are_read(void **state)
{
    (void)state;
    assert_null(http_access_log_set("off"));
    assert_int_equal(http_access_log, HTTP_LOG_OFF);
    assert_string_equal(http_access_log_set("yes"), "it is off, on or combined");
}

static void what_is_left_is_written_in_the_end(void **state)
{
    (void)state;
    line_takes_ns = 8 * NS_PER_MS;
    for (int i = 0; i < 10; i++)
        http_access_log_write(&plain);
    slept_ns = 0;
    http_access_log_finish(now_ns + NS_PER_S); // nobody takes them here: it ends all the same
    assert_int_equal(slept_ns, NS_PER_S);
    slept_ns = 0;
    take_all();
    assert_int_equal(lines_shown(), 10);
    assert_int_equal(slept_ns, 0);
    http_access_log_finish(now_ns + NS_PER_S);
    assert_int_equal(slept_ns, 0);
}

static int start(void **state)
{
    (void)state;
    site_serve();
    static const struct http_route route = {
        .method = "POST", .path = "/make", .body_bytes_max = 100, .handle = handle};
    http_route_add(&route);
    static const struct http_route long_route = {
        .method = "GET", .path = "/long", .handle = handle_long};
    http_route_add(&long_route);
    http_client_name = client_is;
    assert_int_equal(http_access_log_start(), 0);
    assert_int_equal(http_access_log_start_core(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_in_the_common_format),
        cmocka_unit_test(bodies_made_while_they_are_sent_are_measured),
        cmocka_unit_test(what_clients_write_is_escaped),
        cmocka_unit_test(a_slow_console_has_a_tenth_of_the_time),
        cmocka_unit_test(lines_without_room_are_counted),
        cmocka_unit_test(lines_are_whole_wherever_the_ring_ends),
        cmocka_unit_test(a_core_without_a_ring_writes_nothing),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(what_is_left_is_written_in_the_end),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
