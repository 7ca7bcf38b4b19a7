// SPDX-License-Identifier: MIT
// What the http app serves: packed files, and the pages that show the machine.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/http/page.h"
#include "apps/http/site.h"
#include "http/counters.h"
#include "http/date.h"
#include "http/resources.h"
#include "http_machine.h"

static uint64_t now_ns;
uint64_t time_now_ns(void)
{
    return now_ns;
}

// ---- what is packed -----------------------------------------------------------------------------

static void check_response(const struct http_response *response, unsigned status)
{
    char line[32];
    int length = snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
    assert_int_equal(response->status, status);
    assert_memory_equal(response->data, line, length);
    assert_memory_equal(response->data + response->status_line_bytes - 2, "\r\n", 2);
    assert_memory_equal(response->data + response->head_bytes - 4, "\r\n\r\n", 4);
    char head[1024];
    assert_true(response->head_bytes < sizeof(head));
    snprintf(head, sizeof(head), "%.*s", (int)response->head_bytes, response->data);
    assert_int_equal(strlen(head), response->head_bytes);
    assert_ptr_equal(strstr(head, "\r\n\r\n"), head + response->head_bytes - 4);
    const char *field = strstr(head, "\r\nContent-Length: ");
    if (status == 304)
        assert_null(field);
    else
        assert_int_equal(strtoul(field + 18, NULL, 10),
                         response->total_bytes - response->head_bytes);
}

static void files_are_found_and_whole(void **state)
{
    (void)state;
    assert_true(http_files_count >= 4);
    for (size_t i = 0; i < http_files_count; i++) {
        const struct http_resource *file = &http_files[i];
        assert_ptr_equal(http_find(file->path, file->path_length), file);
        assert_int_equal(strlen(file->path), file->path_length);
        assert_null(http_find(file->path, file->path_length - 1));
        const struct http_form *form = &file->forms[HTTP_IDENTITY];
        check_response(&form->full, 200);
        check_response(&form->not_modified, 304);
        // a folder's page has two paths
        for (size_t k = 0; k < i && file->path[file->path_length - 1] != '/'; k++)
            assert_true(strcmp(form->etag, http_files[k].forms[HTTP_IDENTITY].etag) != 0 ||
                        http_files[k].path[http_files[k].path_length - 1] == '/');
    }
    const char *absent[] = {"", "/x", "/hello.tx", "/hello.txT", "/index.html", "/zzzzzzzzzzzzzzz"};
    for (size_t i = 0; i < ARRAY_COUNT(absent); i++)
        assert_null(http_find(absent[i], strlen(absent[i])));
    const struct http_resource *hello = http_find("/hello.txt", 10);
    const struct http_response *full = &hello->forms[HTTP_IDENTITY].full;
    assert_int_equal(full->total_bytes - full->head_bytes, 128);
}

// The packed bytes are the file's, whatever is in it.
static void packed_bytes_are_the_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_files_count; i++) {
        char name[128];
        bool is_folder = http_files[i].path[http_files[i].path_length - 1] == '/';
        snprintf(name, sizeof(name), "apps/http/www%s%s", http_files[i].path,
                 is_folder ? "index.html" : "");
        FILE *file = fopen(name, "rb");
        assert_non_null(file);
        static char content[1 << 16];
        size_t size = fread(content, 1, sizeof(content), file);
        fclose(file);
        const struct http_response *full = &http_files[i].forms[HTTP_IDENTITY].full;
        assert_int_equal(full->total_bytes - full->head_bytes, size);
        assert_memory_equal(full->data + full->head_bytes, content, size);
    }
}

static void every_status_has_its_response(void **state)
{
    (void)state;
    static const unsigned statuses[] = {304, 400, 404, 405, 406, 408, 412,
                                        413, 414, 417, 431, 501, 503, 505};
    assert_int_equal(http_status_responses_count, ARRAY_COUNT(statuses));
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++)
        check_response(http_status_response(statuses[i]), statuses[i]);
    if (!host_panicked()) {
        http_status_response(299);
        fail();
    }
}

// ---- pages --------------------------------------------------------------------------------------

// The body of a page, NUL-terminated; the next call reuses it.
static const char *render(const char *path)
{
    static struct http_text text;
    http_text_free(&text);
    struct http_response response;
    assert_int_equal(http_render(http_find(path, strlen(path)), &text, &response), 0);
    assert_true(response.data >= text.data);
    assert_ptr_equal(response.data + response.total_bytes, text.data + text.used_bytes);
    check_response(&response, 200);
    http_text_put(&text, "", 1);
    return text.data + text.used_bytes - 1 - (response.total_bytes - response.head_bytes);
}

static void the_page_shows_the_machine(void **state)
{
    (void)state;
    memset(http_counters, 0, sizeof(http_counters));
    core_this_index = 1;
    http_count(HTTP_RESPONSES_2XX, 1234567);
    core_this_index = 4;
    http_count(HTTP_RESPONSES_4XX, 617284);
    core_this_index = 0;
    http_count(HTTP_CONNECTIONS_ACCEPTED, 12);
    http_count(HTTP_CONNECTIONS_CLOSED, 5);
    const char *page = render("/");
    static const char *const expected[] = {
        ">1\u202f851\u202f851</b>",
        ">1 d 2 h 3 min 4 s</b>",
        ">41.3 ms</b>",
        "8.2 ms of it",
        ">128 MiB</b>",
        "of 512 MiB",
        "--share:25%",
        ">384 MiB</span> free",
        ">7</b>",
        ">12</span>",
        "0.1 &#60;&#34;test&#34;&#62;",
        "<li>10.0.2.15/24</li>\n<li>fe80::2/64</li>",
        "virtio-net at 00:02.0",
        "<span class=\"tag\">4</span>",
        "--share:100%\"><span class=\"name\">core 1</span>",
        "--share:50%\"><span class=\"name\">core 4</span>",
        "</html>\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        if (!strstr(page, expected[i]))
            fail_msg("%s is not in %s", expected[i], page);
    }
    assert_null(strstr(page, "{{"));
    assert_null(strstr(page, "core 3"));
}

static void numbers_of_any_size_are_written(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {
        {0, "0 s"},
        {59 * NS_PER_S, "59 s"},
        {60 * NS_PER_S, "1 min 0 s"},
        {3600 * NS_PER_S, "1 h 0 min 0 s"},
        {86400 * NS_PER_S, "1 d 0 h 0 min 0 s"},
        {UINT64_MAX, "213503 d 23 h 34 min 33 s"},
    };
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {1536, "1.50 KiB"},
        {10240 + 512, "10.5 KiB"},
        {1047552, "1023 KiB"},
        {1048575, "1023 KiB"},
        {3ull << 30, "3 GiB"},
        {UINT64_MAX, "167772 TiB"},
    };
    struct http_facts facts = {0};
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        struct http_text text = {0};
        facts.machine.uptime_ns = times[i].ns;
        http_fact_uptime(&text, &facts);
        http_text_put(&text, "", 1);
        assert_string_equal(text.data, times[i].text);
        http_text_free(&text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct http_text text = {0};
        facts.machine.memory_total_bytes = sizes[i].bytes;
        http_fact_memory_total(&text, &facts);
        http_text_put(&text, "", 1);
        assert_string_equal(text.data, sizes[i].text);
        http_text_free(&text);
    }
}

static void status_is_what_the_script_reads(void **state)
{
    (void)state;
    const char *json = render("/status.json");
    assert_non_null(strstr(json, "\"uptime_ms\":93784000,"));
    assert_non_null(strstr(json, "\"memory_percent\":\"25\""));
    assert_non_null(strstr(json, "\"cores\":[0,1234567,0,617284]}\n"));
}

// Each line a comment or "name{labels} number"; HELP and TYPE before a metric, once.
static void metrics_are_well_formed(void **state)
{
    (void)state;
    char *metrics = strdup(render("/metrics")), *rest = metrics, *line;
    assert_non_null(strstr(metrics, "\ntoril_build_info{version=\"0.1 <\\\"test\\\">\"} 1\n"));
    assert_non_null(
        strstr(metrics, "\ntoril_http_requests_total{core=\"4\",class=\"4xx\"} 617284\n"));
    assert_non_null(strstr(metrics, "\ntoril_uptime_seconds 93784.000000000\n"));
    assert_non_null(strstr(metrics, "\ntoril_http_connections 7\n"));
    assert_non_null(strstr(metrics, "\ntoril_switches_total{core=\"4\"} 104\n"));
    assert_non_null(strstr(metrics, "\ntoril_network_sent_bytes_total{core=\"0\"} 200\n"));
    assert_non_null(strstr(metrics, "\ntoril_halted_seconds_total{core=\"2\"} 3.000000002\n"));
    assert_non_null(strstr(metrics, "\ntoril_threads{core=\"1\"} 401\n"));
    assert_non_null(strstr(metrics, "\ntoril_memory_free_bytes{core=\"0\"} 500\n"));
    assert_null(strstr(metrics, "core=\"3\""));
    char metric[64] = "";
    while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
        char name[64], type[16];
        double value;
        int read = 0;
        if (sscanf(line, "# HELP %63s %*c%n", name, &read) == 1 && read > 0) {
            snprintf(metric, sizeof(metric), "%s", name);
            line = strsep(&rest, "\n");
            assert_int_equal(sscanf(line, "# TYPE %63s %15s", name, type), 2);
            assert_string_equal(name, metric);
            assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0);
            bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
            assert_int_equal(total, strcmp(type, "counter") == 0);
            continue;
        }
        size_t length = strcspn(line, "{ ");
        assert_int_equal(length, strlen(metric));
        assert_memory_equal(line, metric, length);
        if (line[length] == '{')
            length = (size_t)(strstr(line, "\"} ") - line) + 2;
        assert_int_equal(sscanf(line + length, " %lf%n", &value, &read), 1);
        assert_int_equal(line[length + (size_t)read], '\0');
    }
    free(metrics);
}

static void text_that_is_too_long_fails(void **state)
{
    (void)state;
    struct http_text text = {0};
    char word[300];
    memset(word, 'x', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    http_text_format(&text, "%s%s", word, word); // longer than a line
    assert_int_equal(text.used_bytes, 2 * strlen(word));
    while (!text.failed && text.used_bytes < 2 * HTTP_TEXT_BYTES_MAX)
        http_text_format(&text, "%s", word);
    assert_true(text.failed);
    assert_true(text.used_bytes < HTTP_TEXT_BYTES_MAX);
    http_text_free(&text);
}

static void the_date_is_refreshed_each_second(void **state)
{
    (void)state;
    http_date_set(1);
    assert_null(http_date_line());
    http_date_refresh(now_ns); // the host's clock is known
    assert_non_null(http_date_line());
    http_date_set(1700000000);
    http_date_refresh(now_ns); // too early to look
    assert_memory_equal(http_date_line(), "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
                        HTTP_DATE_LINE_BYTES);
    http_date_refresh(now_ns + 2 * NS_PER_S);
    assert_memory_not_equal(http_date_line(), "Date: Tue, 14 Nov 2023", 22);
}

int main(void)
{
    site_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_and_whole),
        cmocka_unit_test(packed_bytes_are_the_files),
        cmocka_unit_test(every_status_has_its_response),
        cmocka_unit_test(the_page_shows_the_machine),
        cmocka_unit_test(numbers_of_any_size_are_written),
        cmocka_unit_test(status_is_what_the_script_reads),
        cmocka_unit_test(metrics_are_well_formed),
        cmocka_unit_test(text_that_is_too_long_fails),
        cmocka_unit_test(the_date_is_refreshed_each_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
