// SPDX-License-Identifier: MIT
// The options of the machine: what is parsed, what is refused, and how that is said.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/options.h"
#include "seeded.h"

OPTION_NUMBER(cores, 1, CORES_MAX, "a number");
OPTION_CHOICE(exit, "poweroff|reset|halt|debug", "a choice");
OPTION_TEXT(hostname, "a text");
OPTION_TEXT(ip, "a text");
OPTION_NUMBER_OF_CARD(mtu, 68, 9000, "a number of each card");
OPTION_CHOICE(kaslr, "on|off", "a choice");
OPTION_CHOICE(on_panic, "halt|reset|debug", "a choice");
OPTION_NUMBER(stack_kib, 16, 65536, "a number");

// Both texts go in as blocks of their exact size, so that the sanitizer sees every byte too far.
static void parse_bytes(const char *load_options, const char *config, size_t config_bytes)
{
    host_log_clear();
    char *config_copy = malloc(config_bytes);
    memcpy(config_copy, config, config_bytes);
    char *line_copy = strdup(load_options);
    options_parse(line_copy, config_copy, config_bytes);
    free(line_copy);
    free(config_copy);
}

static void parse(const char *load_options, const char *config)
{
    parse_bytes(load_options, config, strlen(config));
}

static void assert_arguments(const char *expected)
{
    char all[4096] = "";
    assert_null(options_argv()[options_argc()]);
    for (int i = 1; i < options_argc(); i++) {
        strcat(all, "[");
        strcat(all, options_argv()[i]);
        strcat(all, "]");
    }
    assert_string_equal(all, expected);
}

static void assert_value(const char *key, const char *expected)
{
    if (expected == NULL)
        assert_null(option_get(key));
    else
        assert_string_equal(option_get(key), expected);
}

static void nothing_given_is_nothing_said(void **state)
{
    (void)state;
    parse("", "");
    assert_string_equal(host_log, "");
    assert_value("ip", NULL);
    assert_arguments("");
    assert_int_equal(options_argc(), 1);
    assert_string_equal(options_argv()[0], "app");
    assert_null(options_environ()[0]);
    assert_int_equal(option_get_number("cores", 7, 1, 9), 7);
    assert_true(option_get_bool("hostname", true));
    assert_false(option_get_bool("hostname", false));
}

static void command_line_words(void **state)
{
    (void)state;
    static const struct {
        const char *line, *hostname, *arguments;
    } cases[] = {
        {"hostname=bull", "bull", ""},
        {"  hostname=bull\t ip=dhcp \r\n", "bull", ""},
        {"hostname=\"two words\"", "two words", ""},
        {"\"hostname=two words\"", "two words", ""},
        {"hostname=a hostname=b", "b", ""},
        {"hostname=a=b", "a=b", ""},
        {"-- hostname=x", NULL, "[hostname=x]"},
        {"hostname=b -- a \"b c\" -- d\"e f\"g \"\"", "b", "[a][b c][--][de fg][]"},
        {"args=\"a b  c\"", NULL, "[a][b][c]"},
        {"args=\"a b\" --", NULL, ""},
        {"args=\"a b\" -- c", NULL, "[c]"},
        {"args=", NULL, ""},
        {"options=\"hostname=x\"", "x", ""},
        {"--", NULL, ""},
        {"", NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        parse(cases[i].line, "");
        assert_string_equal(host_log, "");
        assert_value("hostname", cases[i].hostname);
        assert_arguments(cases[i].arguments);
    }
}

static void config_lines(void **state)
{
    (void)state;
    static const struct {
        const char *config, *hostname, *arguments;
    } cases[] = {
        {"hostname=bull", "bull", ""},
        {"hostname=bull\n", "bull", ""},
        {"# comment\r\n\r\n  hostname = bull \t\r\n", "bull", ""},
        {"\xEF\xBB\xBFhostname=bull\nip=dhcp", "bull", ""},
        {"\xEF\xBB\xBF", NULL, ""},
        {"hostname=\"two words\"\n", "two words", ""},
        {"hostname=a \"b\"\n", "a \"b\"", ""},
        {"hostname=x # y", "x # y", ""},
        {"   # hostname=x", NULL, ""},
        {"\n\n\n", NULL, ""},
        {"args=a \"b c\" d\n", NULL, "[a][b c][d]"},
        {"args=\"a b\"\n", NULL, "[a][b]"},
        {"options=hostname=q -- r \"s t\"\n", "q", "[r][s t]"},
        {"hostname=1\nhostname=2\n", "2", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        parse("", cases[i].config);
        assert_string_equal(host_log, "");
        assert_value("hostname", cases[i].hostname);
        assert_arguments(cases[i].arguments);
    }
}

static void command_line_beats_file(void **state)
{
    (void)state;
    parse("hostname=line env=A=1 -- x", "hostname=file\nip=dhcp\nenv=A=2\nenv=B=3\nargs=y z\n");
    assert_string_equal(host_log, "");
    assert_value("hostname", "line");
    assert_value("ip", "dhcp");
    assert_arguments("[x]");
    assert_string_equal(options_environ()[0], "A=1");
    assert_string_equal(options_environ()[1], "B=3");
    assert_null(options_environ()[2]);

    parse("--", "args=y z"); // saying that there are none is saying something
    assert_arguments("");
    parse("ip=dhcp", "args=y z");
    assert_arguments("[y][z]");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *config, *complaint;
    } cases[] = {
        {"ip=dhcp colour=red", "",
         "command line word 2: \"colour=red\": this app has no such option"},
        {"verbose", "", "command line word 1: \"verbose\": expected key=value, or --"},
        {"=x", "", "\"=x\": this app has no such option"},
        {"ip=dhcp \"hostname=bull", "", "word 2: \"hostname=bull\": its closing \" is missing"},
        {"-- a \"b", "", "\"b\": its closing \" is missing"},
        {"cores=two", "", "word 1: \"two\": cores needs a number from 1 to 1024"},
        {"cores=1025", "", "\"1025\": cores needs a number from 1"},
        {"cores=0", "", "\"0\": cores needs a number from 1"},
        {"cores=", "", "\"\": cores needs a number"},
        {"cores=99999999999999999999999", "", "cores needs a number"},
        {"cores=0x", "", "cores needs a number"},
        {"cores=-1", "", "cores needs a number"},
        {"exit=explode", "", "\"explode\": exit needs one of poweroff|reset|halt|debug"},
        {"exit=power", "", "exit needs one of"},
        {"exit=", "", "exit needs one of"},
        {"on_panic=poweroff", "", "on_panic needs one of halt|reset|debug"},
        {"env=NAME", "", "\"NAME\": env needs NAME=VALUE"},
        {"env==x", "", "\"=x\": env needs NAME=VALUE"},
        {"hostname=", "", "hostname needs a value"},
        {"options=options=ip=dhcp", "", "options inside of options"},
        {"options=\"ip=dhcp foo\"", "", "command line word 2: \"foo\": expected key=value"},
        {"", "ip=dhcp\n\ncolour=red\n",
         "toril.cfg line 3: \"colour\": this app has no such option"},
        {"", "# x\r\nverbose\r\n", "toril.cfg line 2: \"verbose\": expected key=value"},
        {"", "cores=9x", "toril.cfg line 1: \"9x\": cores needs a number"},
        {"", "\nargs=a \"b", "toril.cfg line 2: \"b\": its closing \" is missing"},
        {"", "options=ip=dhcp foo=1", "toril.cfg line 1 word 2: \"foo=1\": this app has no such"},
        {"", "\xFF\xFEi\0p\0", "the file is UTF-16 text"},
        {"\x1B[2J\xC3\xA4\x01", "", "\"?[2J???\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        parse(cases[i].line, cases[i].config);
        if (!host_log_has(cases[i].complaint))
            fail_msg("expected \"%s\", logged:\n%s", cases[i].complaint, host_log);
        assert_true(host_log_has("warning: options: "));
        assert_value("cores", NULL);
        assert_value("exit", NULL);
        assert_value("hostname", NULL);
    }
    parse("colour=red", "");
    assert_true(host_log_has("on_panic    a choice (halt|reset|debug)"));
    parse("cores=x", "");
    assert_false(host_log_has("these are known")); // only when it helps
}

static void one_mistake_leaves_the_rest(void **state)
{
    (void)state;
    parse("bad cores=2 \"open", "worse\nhostname=h\nip\0=dhcp\n");
    assert_value("cores", "2");
    assert_value("hostname", "h");
    parse_bytes("", "a=\0\nhostname=h\0i\nip=dhcp\n", 25);
    assert_true(host_log_has("toril.cfg line 1: \"a=\": the line holds a NUL byte"));
    assert_true(host_log_has("toril.cfg line 2: \"hostname=h\": the line holds a NUL byte"));
    assert_value("hostname", NULL);
    assert_value("ip", "dhcp");
    parse("cores=2 cores=x", "cores=1");
    assert_value("cores", "2");
}

static void limits_are_named(void **state)
{
    (void)state;
    static char big[65536];

    memset(big, 'x', OPTIONS_LINE_MAX);
    memcpy(big, "hostname=", 9);
    big[OPTIONS_LINE_MAX] = '\0';
    parse(big, "ip=dhcp");
    assert_true(host_log_has("too long for a word"));
    parse("", big);
    assert_true(host_log_has("toril.cfg line 1: \"hostname=xxxx"));
    assert_true(host_log_has("...\": the line is too long"));
    assert_value("hostname", NULL);
    big[OPTIONS_LINE_MAX - 1] = '\0'; // the longest that is allowed
    parse(big, big);
    assert_string_equal(host_log, "");
    assert_int_equal(strlen(option_get("hostname")), OPTIONS_LINE_MAX - 10);

    strcpy(big, "--");
    for (int i = 0; i < OPTIONS_ARGUMENTS_MAX + 5; i++)
        sprintf(big + strlen(big), " %d", i);
    parse(big, "");
    assert_int_equal(options_argc(), 1 + OPTIONS_ARGUMENTS_MAX);
    assert_string_equal(options_argv()[OPTIONS_ARGUMENTS_MAX], "127");
    assert_null(options_argv()[OPTIONS_ARGUMENTS_MAX + 1]);
    assert_true(host_log_has("\"128\": left out, and all after it: at most 128 arguments"));

    big[0] = '\0';
    for (int i = 0; i < OPTIONS_ENVIRONMENT_MAX + 1; i++)
        sprintf(big + strlen(big), "env=N%d=\n", i);
    parse("env=N0=new", big);
    assert_string_equal(options_environ()[OPTIONS_ENVIRONMENT_MAX - 1], "N63=");
    assert_null(options_environ()[OPTIONS_ENVIRONMENT_MAX]);
    assert_string_equal(options_environ()[0], "N0=new");
    assert_true(host_log_has("toril.cfg line 65: \"N64=\": left out: at most 64 environment"));

    big[0] = '\0';
    for (int i = 0; i < 40; i++)
        sprintf(big + strlen(big), "hostname=%0900d\n", i);
    parse("", big);
    assert_true(host_log_has("no room left, all options together may have 16384 bytes"));
    assert_int_equal(atoi(option_get("hostname")), 17); // what fitted

    big[0] = '\0';
    for (int i = 0; i < OPTIONS_COMPLAINTS_MAX + 7; i++)
        strcat(big, "bad ");
    parse(big, "");
    assert_true(host_log_has("word 20: "));
    assert_false(host_log_has("word 21: "));
    assert_true(host_log_has("options: 7 more mistakes are not shown"));
}

static void numbers_and_switches(void **state)
{
    (void)state;
    parse("cores=0x1F stack_kib=64", "");
    assert_string_equal(host_log, "");
    assert_int_equal(option_get_number("cores", 1, 1, 100), 31);
    assert_int_equal(option_get_number("stack_kib", 1, 1, 100), 64);
    assert_int_equal(option_get_number("cores", 5, 1, 30), 5);
    assert_true(host_log_has("cores=0x1F: expected a number from 1 to 30; 5 is used"));

    static const struct {
        const char *value;
        bool fallback, expected, said;
    } cases[] = {
        {"on", false, true, false},   {"yes", false, true, false},    {"1", false, true, false},
        {"true", false, true, false}, {"off", true, false, false},    {"no", true, false, false},
        {"0", true, false, false},    {"false", true, false, false},  {"maybe", true, true, true},
        {"o", false, false, true},    {"on|yes", false, false, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char line[64];
        snprintf(line, sizeof(line), "hostname=%s", cases[i].value);
        parse(line, "");
        assert_int_equal(option_get_bool("hostname", cases[i].fallback), cases[i].expected);
        assert_int_equal(host_log_has("expected on or off"), cases[i].said);
    }
}

static void options_of_cards(void **state)
{
    (void)state;
    parse("mtu=1400 mtu.2=9000 mtu.2=576", "mtu.1=1300\n");
    assert_string_equal(host_log, "");
    assert_int_equal(option_get_number_of_card("mtu", 0, 1500, 68, 9000), 1400);
    assert_int_equal(option_get_number_of_card("mtu", 1, 1500, 68, 9000), 1300);
    assert_int_equal(option_get_number_of_card("mtu", 2, 1500, 68, 9000), 576);
    assert_int_equal(option_get_number_of_card("mtu", 3, 1500, 68, 9000), 1500);
    options_name_missing_cards(3);
    assert_string_equal(host_log, "");
    options_name_missing_cards(2);
    assert_true(host_log_has("options: mtu.2=576: there is no network card 2"));
    static const char *const wrong[] = {"mtu.8=1400",   "mtu.=1400",  "mtu.10=1400", "mtu.x=1400",
                                        "hostname.1=a", "mtu.1=9001", ".1=2"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        parse(wrong[i], "");
        assert_non_null(strstr(host_log, wrong[i] + (strncmp(wrong[i], "mtu.1=", 6) ? 0 : 6)));
        for (unsigned card = 0; card < OPTION_CARDS_MAX; card++)
            assert_null(option_get_of_card("mtu", card));
    }
    parse("mtu.0=700", "");
    assert_string_equal(option_get("mtu"), "700");
}

static void asking_for_an_unknown_key_is_a_bug(void **state)
{
    (void)state;
    if (!host_panicked()) {
        option_get("colour");
        fail();
    }
}

static void program_name_is_the_callers(void **state)
{
    (void)state;
    static char name[] = "http";
    options_set_program(name);
    parse("-- a", "");
    assert_string_equal(options_argv()[0], "http");
    assert_int_equal(options_argc(), 2);
}

static void one_option_before_the_rest(void **state)
{
    (void)state;
    static const char config[] = "kaslr=on\ncolour=red\noptions=kaslr=off -- a";
    assert_string_equal(option_peek("kaslr", "", config, sizeof(config) - 1), "off");
    assert_string_equal(option_peek("kaslr", "kaslr=on nonsense", config, sizeof(config) - 1),
                        "on");
    assert_null(option_peek("kaslr", "-- kaslr=off", NULL, 0));
    assert_string_equal(host_log, ""); // said when all is parsed, and only then
    parse("colour=red", "");
    assert_true(host_log_has("this app has no such option"));
    assert_null(option_get("kaslr"));
}

// Text of bits that mean something to the parser, with a few bytes that mean nothing anywhere.
static size_t random_text(char *out, size_t room, bool may_hold_nul)
{
    static const char *const bits[] = {
        "\nip=", " hostname=", "exit=halt", "args=",      "env=", "options=", "\ncores=",
        "=",     " ",          "\n",        "\r\n",       "#",    "\"",       "--",
        "-- ",   "A=B",        "x",         "0x1",        "12",   "\t",       "\xEF\xBB\xBF",
        "=\"",   "\" ",        "\nenv=",    "\noptions=",
    };
    size_t used = 0;
    for (uint64_t count = random_below(40); count > 0 && used + 80 < room; count--) {
        uint64_t choice = random_below(32);
        if (choice < ARRAY_COUNT(bits)) {
            memcpy(out + used, bits[choice], strlen(bits[choice]));
            used += strlen(bits[choice]);
        } else if (choice == 31) {
            memset(out + used, 'y', 64);
            used += 64;
        } else {
            char byte = (char)random_below(256);
            if (byte != '\0' || may_hold_nul)
                out[used++] = byte;
        }
    }
    return used;
}

static void random_texts_do_no_harm(void **state)
{
    (void)state;
    size_t with_values = 0, with_complaints = 0;
    random_state = 0xD1B54A32D192ED03;
    for (int i = 0; i < 30000; i++) {
        char line[4096], config[4096];
        line[random_text(line, sizeof(line) - 1, false)] = '\0';
        size_t config_bytes = random_text(config, sizeof(config), true);
        parse_bytes(line, config, config_bytes);

        assert_in_range(options_argc(), 1, 1 + OPTIONS_ARGUMENTS_MAX);
        assert_null(options_argv()[options_argc()]);
        for (char **pair = options_environ(); *pair != NULL; pair++)
            assert_non_null(strchr(*pair, '='));
        const char *chosen = option_get("exit"), *cores = option_get("cores");
        assert_true(chosen == NULL || strncmp(chosen, "halt", 4) == 0);
        assert_true(cores == NULL || option_get_number("cores", 0, 1, CORES_MAX) != 0);
        for (const char *c = host_log; *c != '\0'; c++)
            assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
        with_values += option_get("hostname") != NULL || cores != NULL;
        with_complaints += host_log[0] != '\0';
    }
    assert_true(with_values > 500 && with_complaints > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_is_nothing_said),
        cmocka_unit_test(command_line_words),
        cmocka_unit_test(config_lines),
        cmocka_unit_test(command_line_beats_file),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(one_mistake_leaves_the_rest),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(numbers_and_switches),
        cmocka_unit_test(options_of_cards),
        cmocka_unit_test(asking_for_an_unknown_key_is_a_bug),
        cmocka_unit_test(program_name_is_the_callers),
        cmocka_unit_test(one_option_before_the_rest),
        cmocka_unit_test(random_texts_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
