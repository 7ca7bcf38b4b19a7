// SPDX-License-Identifier: MIT
// What the values of header fields say: which are kept, entity tags, dates, codings.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/conditions.h"
#include "http/date.h"
#include "http/encoding.h"
#include "http/known_fields.h"

// ---- fields -------------------------------------------------------------------------------------

static void field_names_are_known(void **state)
{
    (void)state;
    assert_int_equal(http_field_named("Host", 4), HTTP_FIELD_HOST);
    assert_int_equal(http_field_named("IF-UNMODIFIED-since", 19), HTTP_FIELD_IF_UNMODIFIED_SINCE);
    assert_int_equal(http_field_named("range", 5), HTTP_FIELD_RANGE);
    assert_int_equal(http_field_named("rang", 4), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("ranges", 6), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("", 0), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("if-unmodified-since2", 20), HTTP_FIELD_OTHER);
}

static void check_field(const struct http_known_fields *fields, enum http_field field,
                        const char *value)
{
    struct http_slice slice = http_known_fields_get(fields, field);
    assert_non_null(slice.at);
    assert_int_equal(slice.length, strlen(value));
    assert_memory_equal(slice.at, value, slice.length);
}

static void fields_that_come_again_are_lists(void **state)
{
    (void)state;
    struct http_known_fields *fields = NULL;
    assert_null(http_known_fields_get(fields, HTTP_FIELD_RANGE).at);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_RANGE, "", 0), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, "\"a\"", 3), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_RANGE, "x", 1), 0);
    check_field(fields, HTTP_FIELD_RANGE, "");
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_RANGE, "r", 1), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, "\"b\"", 3), 0);
    check_field(fields, HTTP_FIELD_IF_MATCH, "\"a\", \"b\"");
    check_field(fields, HTTP_FIELD_IF_RANGE, "x");
    check_field(fields, HTTP_FIELD_RANGE, ", r");
    assert_null(http_known_fields_get(fields, HTTP_FIELD_HOST).at);
    char much[4000];
    memset(much, 'm', sizeof(much));
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, much, sizeof(much)), 0);
    assert_int_equal(http_known_fields_get(fields, HTTP_FIELD_IF_MATCH).length,
                     8 + 2 + sizeof(much));
    check_field(fields, HTTP_FIELD_IF_RANGE, "x");
    free(fields);
}

// ---- entity tags and dates ----------------------------------------------------------------------

static void entity_tags_are_found_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool weakly, strongly;
    } table[] = {
        {"\"abc\"", true, true},
        {"W/\"abc\"", true, false},
        {"*", true, true},
        {" * ", true, true},
        {"\"x\", \"abc\"", true, true},
        {"\"x\",W/\"y\" ,\t\"abc\"", true, true},
        {"W/\"abc\", \"abc\"", true, true},
        {",,\"abc\",", true, true},
        {"\"a,bc\", \"abc\"", true, true},
        {"\"\", \"abc\"", true, true},
        {"", false, false},
        {"\"ab\"", false, false},
        {"\"abcd\"", false, false},
        {"abc", false, false},
        {"\"abc", false, false},
        {"\"x\" y \"abc\"", false, false},
        {"W/", false, false},
        {"W", false, false},
        {"w/\"abc\"", false, false},
        {"\"", false, false},
        {"\"x,\"abc\"", false, false},
        {"\"ABC\"", false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        size_t size = strlen(table[i].list);
        char *list = exact_copy(table[i].list, size);
        if (http_etag_listed(list, size, "\"abc\"", true) != table[i].weakly ||
            http_etag_listed(list, size, "\"abc\"", false) != table[i].strongly ||
            http_etag_listed(list, size, NULL, true) != (strchr(table[i].list, '*') != NULL))
            fail_msg("%s", table[i].list);
        free(list);
    }
}

static void dates_have_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds; // 0: no date
    } table[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Sun, 06 Nov 1994 08:49:37", 0},
        {"Sun, 06 Nov 1994 08:49:37 CET", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMTx", 0},
        {"Sun, 06 Nov 1964 08:49:37 GMT", 0},
        {"784111777", 0},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        uint64_t seconds = 0;
        char *text = exact_copy(table[i].text, strlen(table[i].text));
        bool is_date = http_date_read(text, strlen(table[i].text), &seconds);
        free(text);
        if (is_date != (table[i].seconds != 0) || seconds != table[i].seconds)
            fail_msg("%s: %llu", table[i].text, (unsigned long long)seconds);
    }
}

// ---- codings ------------------------------------------------------------------------------------

static void the_coding_of_greatest_weight_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int with_gzip, without;
    } table[] = {
        {"gzip", HTTP_GZIP, HTTP_IDENTITY},
        {"GZip", HTTP_GZIP, HTTP_IDENTITY},
        {"x-gzip", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip, deflate, br, zstd", HTTP_GZIP, HTTP_IDENTITY},
        {"deflate,\tgzip ; q=0.1", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=1.000", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=0.001", HTTP_GZIP, HTTP_IDENTITY},
        {"*", HTTP_GZIP, HTTP_IDENTITY},
        {"*;q=0.5", HTTP_GZIP, HTTP_IDENTITY},
        {"identity;q=0.5, *", HTTP_GZIP, HTTP_IDENTITY},
        {"identity, gzip;q=0.9", HTTP_IDENTITY, HTTP_IDENTITY},
        {"identity;q=0.9, gzip;Q=0.9", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=0", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0.000", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0, *", HTTP_IDENTITY, HTTP_IDENTITY},
        {"br", HTTP_IDENTITY, HTTP_IDENTITY},
        {"", HTTP_IDENTITY, HTTP_IDENTITY},
        {" , ,", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzipp", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=2", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=1.001", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0.5x", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;x=1", HTTP_IDENTITY, HTTP_IDENTITY},
        {";q=1", HTTP_IDENTITY, HTTP_IDENTITY},
        {"identity;q=0", -ENOENT, -ENOENT},
        {"gzip, identity;q=0", HTTP_GZIP, -ENOENT},
        {"*;q=0", -ENOENT, -ENOENT},
        {"*;q=0, gzip", HTTP_GZIP, -ENOENT},
        {"br, *;q=0", -ENOENT, -ENOENT},
        {"identity;q=0.1, *;q=0", HTTP_IDENTITY, HTTP_IDENTITY},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        size_t size = strlen(table[i].value);
        char *value = exact_copy(table[i].value, size);
        if (http_encoding_choose(value, size, true) != table[i].with_gzip ||
            http_encoding_choose(value, size, false) != table[i].without)
            fail_msg("%s", table[i].value);
        free(value);
    }
    assert_int_equal(http_encoding_choose(NULL, 0, true), HTTP_IDENTITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_names_are_known),
        cmocka_unit_test(fields_that_come_again_are_lists),
        cmocka_unit_test(entity_tags_are_found_in_lists),
        cmocka_unit_test(dates_have_three_forms),
        cmocka_unit_test(the_coding_of_greatest_weight_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
