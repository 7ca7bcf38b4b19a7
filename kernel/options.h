// SPDX-License-Identifier: MIT
// Options of the machine: key=value, from the UEFI shell's command line (load options) and from
// \toril.cfg on the boot volume. Read-only once parsed.
//
// Command line: words separated by blanks, "double quotes" group (there are no escapes). Words
// key=value until `--`; what follows are the app's arguments.
// toril.cfg: one key=value a line; blanks around are dropped, and the quotes of a value that is
// quoted as a whole; lines that are empty or start with # say nothing.
// The command line beats the file; of each the last word counts.
//
// Who asks for an option declares it, at the top of his file:
//   OPTION_NUMBER(stack_kib, 16, 65536, "stack of each thread, in KiB");
// So an app knows the options of what it is linked with, and no others.
// One that each network card has of its own is declared OF_CARD: `mtu` is the first card's (as is
// `mtu.0`), `mtu.1` the second's.
#pragma once

#include "kernel/compiler.h"

#define OPTIONS_TEXT_BYTES      16384 // all values, arguments and environment together
#define OPTIONS_LINE_MAX        1024 // bytes of a line or a word; longer ones are taken for garbage
#define OPTIONS_ARGUMENTS_MAX   128  // of the app, its name not counted
#define OPTIONS_ENVIRONMENT_MAX 64   // NAME=VALUE pairs
#define OPTIONS_COMPLAINTS_MAX  20   // named on the console one by one; the rest is only counted
#define OPTION_CARDS_MAX        8    // numbers from 0 that an option of a card may have

enum option_kind {
    OPTION_IS_TEXT,
    OPTION_IS_NUMBER,
    OPTION_IS_CHOICE,
    OPTION_IS_ARGUMENTS,    // words for the app
    OPTION_IS_ENVIRONMENT,  // NAME=VALUE, repeatable
    OPTION_IS_COMMAND_LINE, // a whole command line
};

struct machine_option {
    const char *name, *help;
    const char *choices;  // of a choice: "one|another"
    const char *value;    // given, or NULL
    const char **of_card; // of one that each card has: the values given for cards 1 and up
    uint64_t min, max;    // of a number
    enum option_kind kind;
};

// The linker makes one table of them, sorted by name.
#ifdef TORIL_HOST
#define OPTION_IN_TABLE(name) __attribute__((used, aligned(8), section("options")))
#else
#define OPTION_IN_TABLE(name) __attribute__((used, aligned(8), section(".options." name)))
#endif

#define OPTION_DECLARE(key, ...)                                                                   \
    static struct machine_option option_##key OPTION_IN_TABLE(#key) = {.name = #key, __VA_ARGS__}
#define OPTION_TEXT(key, what) OPTION_DECLARE(key, .kind = OPTION_IS_TEXT, .help = what)
// Accepts [least, most].
#define OPTION_NUMBER(key, least, most, what)                                                      \
    OPTION_DECLARE(key, .kind = OPTION_IS_NUMBER, .min = least, .max = most, .help = what)
// Accepts one of "one|another".
#define OPTION_CHOICE(key, accepted, what)                                                         \
    OPTION_DECLARE(key, .kind = OPTION_IS_CHOICE, .choices = accepted, .help = what)

// The same, for each network card.
#define OPTION_OF_CARD(key, ...)                                                                   \
    static const char *option_##key##_of_card[OPTION_CARDS_MAX - 1];                               \
    OPTION_DECLARE(key, .of_card = option_##key##_of_card, __VA_ARGS__)
#define OPTION_TEXT_OF_CARD(key, what) OPTION_OF_CARD(key, .kind = OPTION_IS_TEXT, .help = what)
#define OPTION_NUMBER_OF_CARD(key, least, most, what)                                              \
    OPTION_OF_CARD(key, .kind = OPTION_IS_NUMBER, .min = least, .max = most, .help = what)

// Takes in what the user wrote. Unknown keys and whatever is malformed are named on the console by
// source, line and word, and have no other effect. Allocates nothing.
// Context: core 0 while booting, once. Owns: nothing; both texts are copied.
void options_parse(const char *load_options, const char *config_text, size_t config_bytes);
// The value of one option before the time for options_parse() has come, for which it leaves no
// trace. Says nothing about mistakes. Context: efi/. Returns: as option_get().
const char *option_peek(const char *key, const char *load_options, const char *config_text,
                        size_t config_bytes);
// The name the app sees in argv[0]; "app" unless set. Owns: nothing, the text must last.
void options_set_program(char *name);

// The app's main() gets these: argv[0..argc], the last one NULL, and NULL-terminated NAME=VALUE
// pairs. They are the app's, to change as it likes.
int options_argc(void);
char **options_argv(void);
char **options_environ(void);

// The value given for `key`, or NULL when it was not given. The last one given counts.
// `key` must be declared in what is linked.
const char *option_get(const char *key);
// The number given for `key`, decimal or 0x hexadecimal; `fallback` when it was not given.
// A value that is no number or not in [min, max] is named on the console and `fallback` counts.
uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max);
// The same of a card, whose option must be declared OF_CARD. No other card's value counts for it.
const char *option_get_of_card(const char *key, unsigned card);
uint64_t option_get_number_of_card(const char *key, unsigned card, uint64_t fallback, uint64_t min,
                                   uint64_t max);
// Names on the console what was given for cards from `count` on, which are not there.
void options_name_missing_cards(unsigned count);
// true for on/yes/1/true, false for off/no/0/false; anything else is named and `fallback` counts.
bool option_get_bool(const char *key, bool fallback);
