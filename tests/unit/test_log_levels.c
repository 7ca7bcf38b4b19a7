// SPDX-License-Identifier: MIT
// Option log: what it says, and what it cannot mean.
#include "host.h"

#include <string.h>

#include "kernel/log.h"
#include "kernel/log_levels.h"

char app_name[] = "bullring";
bool (*log_shows)(const char *format, enum log_level level);

// Which of four lines of a module are shown, as their first letters.
static const char *shown(const char *format)
{
    static char letters[LOG_LEVELS + 1];
    size_t count = 0;
    for (enum log_level level = 0; level < LOG_LEVELS; level++)
        if (log_shows(format, level))
            letters[count++] = "ewid"[level];
    letters[count] = '\0';
    return letters;
}

static void start(const char *option)
{
    host_log_clear();
    log_levels_start(option);
}

static void each_module_has_its_level(void **state)
{
    (void)state;
    start("net:debug,virtio:warn,smp:error,bullring:info");
    assert_string_equal(shown("net: a"), "ewid");
    assert_string_equal(shown("virtio: %s"), "ew");
    assert_string_equal(shown("smp: b"), "e");
    assert_string_equal(shown("bullring: c"), "ewi");
    assert_string_equal(shown("pci: d"), "ewi");
    assert_string_equal(shown("toril: main returned 0"), "ewid");
    assert_string_equal(shown("network: e"), "ewi"); // not a module, nor what begins like one
    assert_string_equal(shown("no module"), "ewi");
    assert_string_equal(shown("%s: at run time"), "ewi");
    assert_true(log_debug_on);
    assert_string_equal(host_log, "");
}

static void a_level_alone_is_that_of_the_rest(void **state)
{
    (void)state;
    start("pci:info,warn"); // wherever it stands
    assert_string_equal(shown("pci: a"), "ewi");
    assert_string_equal(shown("net: b"), "ew");
    assert_string_equal(shown("anything: c"), "ew");
    assert_false(log_debug_on);
    start("debug,net:error");
    assert_string_equal(shown("net: b"), "e");
    assert_string_equal(shown("smp: b"), "ewid");
    assert_true(log_debug_on);
    start("net:error,net:debug"); // the last one counts
    assert_string_equal(shown("net: b"), "ewid");
    assert_string_equal(host_log, "");
}

static void what_it_cannot_mean_is_named(void **state)
{
    (void)state;
    start("nett:debug,net:loud,verbose,pci:,:info,,virtio:warn");
    assert_true(host_log_has("no module \"nett\"; there are: "));
    assert_true(host_log_has(" net "));
    assert_true(host_log_has(" bullring\n"));
    assert_true(host_log_has("no level \"loud\"; there are: error warn info debug"));
    assert_true(host_log_has("no level \"verbose\""));
    assert_true(host_log_has("no level \"\""));
    assert_true(host_log_has("no module \"\""));
    assert_string_equal(shown("net: a"), "ewi"); // as without
    assert_string_equal(shown("pci: a"), "ewi");
    assert_string_equal(shown("virtio: a"), "ew"); // what makes sense counts
    assert_false(log_debug_on);
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

static void debug_lines_cost_nothing_while_off(void **state)
{
    (void)state;
    start("info");
    log_debug("net: %d", evaluate());
    assert_int_equal(evaluated, 0);
    start("net:debug");
    log_debug("net: %d", evaluate());
    assert_int_equal(evaluated, 1);
    assert_string_equal(host_log, "debug: net: 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_module_has_its_level),
        cmocka_unit_test(a_level_alone_is_that_of_the_rest),
        cmocka_unit_test(what_it_cannot_mean_is_named),
        cmocka_unit_test(debug_lines_cost_nothing_while_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
