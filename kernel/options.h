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
#pragma once

#include "kernel/compiler.h"

#define OPTIONS_TEXT_BYTES      16384 // all values, arguments and environment together
#define OPTIONS_LINE_MAX        1024 // bytes of a line or a word; longer ones are taken for garbage
#define OPTIONS_ARGUMENTS_MAX   128  // of the app, its name not counted
#define OPTIONS_ENVIRONMENT_MAX 64   // NAME=VALUE pairs
#define OPTIONS_COMPLAINTS_MAX  20   // named on the console one by one; the rest is only counted

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
    const char *choices; // of a choice: "one|another"
    const char *value;   // given, or NULL
    uint64_t min, max;   // of a number
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
// true for on/yes/1/true, false for off/no/0/false; anything else is named and `fallback` counts.
bool option_get_bool(const char *key, bool fallback);
