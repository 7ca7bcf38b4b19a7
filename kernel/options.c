// SPDX-License-Identifier: MIT
#include "kernel/options.h"

#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/panic.h"

// All that were declared in what is linked.
extern struct machine_option __start_options[], __stop_options[];

static struct machine_option option_args OPTION_IN_TABLE("args") = {
    "args", "the app's arguments: args=\"one two\"", .kind = OPTION_IS_ARGUMENTS};
static struct machine_option option_env OPTION_IN_TABLE("env") = {
    "env", "NAME=VALUE for the app's environment; repeatable", .kind = OPTION_IS_ENVIRONMENT};
static struct machine_option option_options OPTION_IN_TABLE("options") = {
    "options", "a whole command line, as the UEFI shell passes it", .kind = OPTION_IS_COMMAND_LINE};

// Where a piece of text came from, for complaints.
struct source {
    const char *name;
    unsigned line; // 0: the source has no lines
    unsigned word; // 0: the whole line is meant
    bool nested;   // text of key `options`
};

static char text[OPTIONS_TEXT_BYTES];
static size_t text_used;
static char default_program[] = "app";
static char *program = default_program;
static char *arguments[1 + OPTIONS_ARGUMENTS_MAX + 1];
static int argument_count = 1;
static char *environment[OPTIONS_ENVIRONMENT_MAX + 1];
static size_t environment_count;
static unsigned complaint_count;
static bool option_was_unknown;
static bool is_quiet; // complaints are for when all is parsed

static void parse_words(const char *line, struct source source);

// ---- complaints ---------------------------------------------------------------------------------

#define SHOWN_BYTES 48

// A piece of the user's text for a message: short, and without bytes that would upset a terminal.
static const char *show(char shown[SHOWN_BYTES], const char *piece)
{
    size_t i = 0;
    for (; piece[i] != '\0' && i < SHOWN_BYTES - 1; i++)
        shown[i] = piece[i] >= ' ' && piece[i] <= '~' ? piece[i] : '?';
    shown[i] = '\0';
    if (piece[i] != '\0')
        memcpy(shown + SHOWN_BYTES - 4, "...", 4);
    return shown;
}

static void complain(const struct source *source, const char *piece, const char *what)
{
    char shown[SHOWN_BYTES], line[24] = "", word[24] = "";
    if (is_quiet || complaint_count++ >= OPTIONS_COMPLAINTS_MAX)
        return;
    if (source->line != 0)
        snprintf(line, sizeof(line), " line %u", source->line);
    if (source->word != 0)
        snprintf(word, sizeof(word), " word %u", source->word);
    log_warn("options: %s%s%s: \"%s\": %s", source->name, line, word, show(shown, piece), what);
}

static void complain_value(const struct source *source, const struct machine_option *option,
                           const char *value, const char *expected)
{
    char what[128];
    snprintf(what, sizeof(what), "%s needs %s", option->name, expected);
    complain(source, value, what);
}

static void log_known_options(void)
{
    log_info("options: these are known:");
    for (const struct machine_option *each = __start_options; each < __stop_options; each++)
        log_info("options:   %-11s %s%s%s%s%s", each->name, each->help,
                 each->choices == NULL ? "" : " (", each->choices == NULL ? "" : each->choices,
                 each->choices == NULL ? "" : ")",
                 each->of_card == NULL ? "" : "; of further cards with .1, .2, ...");
}

// ---- storing values -----------------------------------------------------------------------------

static char *keep_text(const struct source *source, const char *piece)
{
    size_t size_bytes = strlen(piece) + 1;
    if (size_bytes > sizeof(text) - text_used) {
        char what[80];
        snprintf(what, sizeof(what), "no room left, all options together may have %d bytes",
                 OPTIONS_TEXT_BYTES);
        complain(source, piece, what);
        return NULL;
    }
    char *kept = text + text_used;
    memcpy(kept, piece, size_bytes);
    text_used += size_bytes;
    return kept;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Takes the next word off *rest, its quotes removed, into `word`.
// Returns: 1, 0 at the end, or -1 (a complaint was made, the word is to be skipped).
static int next_word(const char **rest, char word[OPTIONS_LINE_MAX], const struct source *source)
{
    const char *c = *rest;
    while (is_blank(*c))
        c++;
    if (*c == '\0') {
        *rest = c;
        return 0;
    }
    bool quoted = false;
    size_t size_bytes = 0;
    for (; *c != '\0' && (quoted || !is_blank(*c)); c++) {
        if (*c == '"')
            quoted = !quoted;
        else if (size_bytes++ < OPTIONS_LINE_MAX - 1)
            word[size_bytes - 1] = *c;
    }
    *rest = c;
    word[size_bytes < OPTIONS_LINE_MAX ? size_bytes : OPTIONS_LINE_MAX - 1] = '\0';
    if (quoted) {
        complain(source, word, "its closing \" is missing");
        return -1;
    }
    if (size_bytes >= OPTIONS_LINE_MAX) {
        complain(source, word, "too long for a word");
        return -1;
    }
    return 1;
}

static void set_arguments(const char *words, const struct source *source)
{
    char word[OPTIONS_LINE_MAX];
    argument_count = 1;
    for (int found; (found = next_word(&words, word, source)) != 0;) {
        if (found < 0)
            continue;
        if (argument_count > OPTIONS_ARGUMENTS_MAX) {
            char what[80];
            snprintf(what, sizeof(what), "left out, and all after it: at most %d arguments",
                     OPTIONS_ARGUMENTS_MAX);
            complain(source, word, what);
            break;
        }
        char *kept = keep_text(source, word);
        if (kept == NULL)
            break;
        arguments[argument_count++] = kept;
    }
    arguments[argument_count] = NULL;
}

static void set_environment(const struct source *source, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        complain(source, pair, "env needs NAME=VALUE");
        return;
    }
    size_t name_bytes = (size_t)(equals - pair) + 1;
    size_t i = 0;
    while (i < environment_count && strncmp(environment[i], pair, name_bytes) != 0)
        i++;
    if (i == OPTIONS_ENVIRONMENT_MAX) {
        char what[80];
        snprintf(what, sizeof(what), "left out: at most %d environment variables",
                 OPTIONS_ENVIRONMENT_MAX);
        complain(source, pair, what);
        return;
    }
    char *kept = keep_text(source, pair);
    if (kept == NULL)
        return;
    environment[i] = kept;
    if (i == environment_count)
        environment_count++;
}

static bool parse_number(const char *value, uint64_t *number)
{
    unsigned base = 10;
    if (value[0] == '0' && (value[1] == 'x' || value[1] == 'X')) {
        base = 16;
        value += 2;
    }
    uint64_t result = 0;
    const char *start = value;
    for (; *value != '\0'; value++) {
        unsigned digit = *value >= '0' && *value <= '9'   ? (unsigned)(*value - '0')
                         : *value >= 'a' && *value <= 'f' ? (unsigned)(*value - 'a') + 10
                         : *value >= 'A' && *value <= 'F' ? (unsigned)(*value - 'A') + 10
                                                          : 99;
        if (digit >= base || result > (UINT64_MAX - digit) / base)
            return false;
        result = result * base + digit;
    }
    *number = result;
    return value != start;
}

static bool is_one_of(const char *value, const char *choices)
{
    size_t length = strlen(value);
    for (const char *choice = choices; choice != NULL;) {
        const char *end = strchr(choice, '|');
        size_t choice_length = end == NULL ? strlen(choice) : (size_t)(end - choice);
        if (length == choice_length && memcmp(value, choice, length) == 0)
            return true;
        choice = end == NULL ? NULL : end + 1;
    }
    return false;
}

static struct machine_option *find_option(const char *name, size_t length)
{
    for (struct machine_option *each = __start_options; each < __stop_options; each++)
        if (strlen(each->name) == length && memcmp(each->name, name, length) == 0)
            return each;
    return NULL;
}

static const char **value_of_card(struct machine_option *option, unsigned card)
{
    return card == 0 ? &option->value : &option->of_card[card - 1];
}

static void set_value(struct machine_option *option, unsigned card, const char *value,
                      const struct source *source)
{
    char expected[96];
    uint64_t number;
    switch (option->kind) {
    case OPTION_IS_NUMBER:
        if (!parse_number(value, &number) || number < option->min || number > option->max) {
            snprintf(expected, sizeof(expected), "a number from %llu to %llu",
                     (unsigned long long)option->min, (unsigned long long)option->max);
            complain_value(source, option, value, expected);
            return;
        }
        break;
    case OPTION_IS_CHOICE:
        if (!is_one_of(value, option->choices)) {
            snprintf(expected, sizeof(expected), "one of %s", option->choices);
            complain_value(source, option, value, expected);
            return;
        }
        break;
    case OPTION_IS_ARGUMENTS:
        set_arguments(value, source);
        break;
    case OPTION_IS_ENVIRONMENT:
        set_environment(source, value);
        return;
    case OPTION_IS_COMMAND_LINE:
        if (source->nested)
            complain(source, value, "options inside of options");
        else
            parse_words(value, (struct source){source->name, source->line, 0, true});
        return;
    case OPTION_IS_TEXT:
        if (*value == '\0') {
            complain_value(source, option, value, "a value");
            return;
        }
        break;
    }
    const char *kept = keep_text(source, value);
    if (kept != NULL)
        *value_of_card(option, card) = kept;
}

// Takes in NAME=VALUE or NAME.CARD=VALUE. `name` is of `length` bytes.
static void set_option(const char *name, size_t length, const char *value, const char *word,
                       const struct source *source)
{
    const char *dot = memchr(name, '.', length);
    struct machine_option *option = find_option(name, dot == NULL ? length : (size_t)(dot - name));
    unsigned card = 0;
    if (option == NULL || (dot != NULL && option->of_card == NULL)) {
        option_was_unknown = true;
        complain(source, word, "this app has no such option");
        return;
    }
    if (dot != NULL) {
        card = (unsigned)(dot[1] - '0');
        if (dot + 2 != name + length || card >= OPTION_CARDS_MAX) {
            char what[80];
            snprintf(what, sizeof(what), "the number of a card is one from 0 to %d: %s.1=...",
                     OPTION_CARDS_MAX - 1, option->name);
            complain(source, word, what);
            return;
        }
    }
    set_value(option, card, value, source);
}

// ---- the two sources ----------------------------------------------------------------------------

static void parse_words(const char *line, struct source source)
{
    char word[OPTIONS_LINE_MAX];
    for (int found; source.word++, (found = next_word(&line, word, &source)) != 0;) {
        if (found < 0)
            continue;
        if (strcmp(word, "--") == 0) {
            set_arguments(line, &source);
            return;
        }
        const char *equals = strchr(word, '=');
        if (equals != NULL) {
            set_option(word, (size_t)(equals - word), equals + 1, word, &source);
        } else {
            option_was_unknown = true;
            complain(&source, word, "expected key=value, or -- before the app's arguments");
        }
    }
}

static char *trim(char *piece)
{
    while (is_blank(*piece))
        piece++;
    size_t length = strlen(piece);
    while (length > 0 && is_blank(piece[length - 1]))
        piece[--length] = '\0';
    return piece;
}

// Quotes around the whole value say nothing in a line of its own, people write them all the same.
static char *unquote(char *value)
{
    size_t length = strlen(value);
    if (length < 2 || value[0] != '"' || strchr(value + 1, '"') != value + length - 1)
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

static void parse_line(char *line, const struct source *source)
{
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return;
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        option_was_unknown = true;
        complain(source, line, "expected key=value");
        return;
    }
    *equals = '\0';
    const char *name = trim(line);
    set_option(name, strlen(name), unquote(trim(equals + 1)), name, source);
}

static void parse_config(const char *config, size_t config_bytes)
{
    struct source source = {"toril.cfg", 0, 0, false};
    if (config_bytes >= 2 &&
        (memcmp(config, "\xFF\xFE", 2) == 0 || memcmp(config, "\xFE\xFF", 2) == 0)) {
        complain(&source, "", "the file is UTF-16 text, save it as UTF-8; it was not read");
        return;
    }
    size_t offset = config_bytes >= 3 && memcmp(config, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (offset < config_bytes) {
        char line[OPTIONS_LINE_MAX];
        const char *start = config + offset;
        const char *end = memchr(start, '\n', config_bytes - offset);
        size_t length = end == NULL ? config_bytes - offset : (size_t)(end - start);
        offset += length + 1;
        source.line++;

        size_t kept = length < sizeof(line) ? length : sizeof(line) - 1;
        memcpy(line, start, kept);
        line[kept] = '\0';
        if (memchr(start, '\0', length) != NULL)
            complain(&source, line, "the line holds a NUL byte");
        else if (kept < length)
            complain(&source, line, "the line is too long");
        else
            parse_line(line, &source);
    }
}

void options_parse(const char *load_options, const char *config_text, size_t config_bytes)
{
    for (struct machine_option *each = __start_options; each < __stop_options; each++) {
        each->value = NULL;
        if (each->of_card != NULL)
            memset(each->of_card, 0, (OPTION_CARDS_MAX - 1) * sizeof(*each->of_card));
    }
    text_used = environment_count = 0;
    arguments[0] = program;
    argument_count = 1;
    complaint_count = 0;
    option_was_unknown = false;

    parse_config(config_text, config_bytes);
    parse_words(load_options, (struct source){"command line", 0, 0, false});

    arguments[argument_count] = NULL;
    environment[environment_count] = NULL;
    if (complaint_count > OPTIONS_COMPLAINTS_MAX)
        log_warn("options: %u more mistakes are not shown",
                 complaint_count - OPTIONS_COMPLAINTS_MAX);
    if (option_was_unknown && !is_quiet)
        log_known_options();
}

const char *option_peek(const char *name, const char *load_options, const char *config_text,
                        size_t config_bytes)
{
    is_quiet = true;
    options_parse(load_options, config_text, config_bytes);
    is_quiet = false;
    return option_get(name);
}

// ---- what was given -----------------------------------------------------------------------------

void options_set_program(char *name)
{
    arguments[0] = program = name;
}

int options_argc(void)
{
    return argument_count;
}

char **options_argv(void)
{
    return arguments;
}

char **options_environ(void)
{
    return environment;
}

static struct machine_option *known_option(const char *name)
{
    struct machine_option *option = find_option(name, strlen(name));
    ASSERT(option != NULL);
    return option;
}

const char *option_get(const char *name)
{
    return known_option(name)->value;
}

const char *option_get_of_card(const char *name, unsigned card)
{
    ASSERT(card < OPTION_CARDS_MAX);
    return *value_of_card(known_option(name), card);
}

static uint64_t number_of(const char *name, const char *value, uint64_t fallback, uint64_t min,
                          uint64_t max)
{
    uint64_t number;
    char shown[SHOWN_BYTES];
    if (value == NULL)
        return fallback;
    if (parse_number(value, &number) && number >= min && number <= max)
        return number;
    log_warn("options: %s=%s: expected a number from %llu to %llu; %llu is used", name,
             show(shown, value), (unsigned long long)min, (unsigned long long)max,
             (unsigned long long)fallback);
    return fallback;
}

uint64_t option_get_number(const char *name, uint64_t fallback, uint64_t min, uint64_t max)
{
    return number_of(name, option_get(name), fallback, min, max);
}

uint64_t option_get_number_of_card(const char *name, unsigned card, uint64_t fallback, uint64_t min,
                                   uint64_t max)
{
    return number_of(name, option_get_of_card(name, card), fallback, min, max);
}

void options_name_missing_cards(unsigned count)
{
    char shown[SHOWN_BYTES];
    for (struct machine_option *each = __start_options; each < __stop_options; each++) {
        for (unsigned card = count; each->of_card != NULL && card < OPTION_CARDS_MAX; card++) {
            const char *value = *value_of_card(each, card);
            if (value != NULL)
                log_warn("options: %s.%u=%s: there is no network card %u: the cards are numbered "
                         "from 0 to %u",
                         each->name, card, show(shown, value), card, count - 1);
        }
    }
}

bool option_get_bool(const char *name, bool fallback)
{
    const char *value = option_get(name);
    char shown[SHOWN_BYTES];
    if (value == NULL)
        return fallback;
    if (is_one_of(value, "on|yes|1|true"))
        return true;
    if (is_one_of(value, "off|no|0|false"))
        return false;
    log_warn("options: %s=%s: expected on or off; %s is used", name, show(shown, value),
             fallback ? "on" : "off");
    return fallback;
}
