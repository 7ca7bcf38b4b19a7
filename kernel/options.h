// SPDX-License-Identifier: MIT
// Options of the machine: key=value, from the UEFI shell's command line (load options) and from
// \toril.cfg on the boot volume. Read-only once parsed.
//
// Command line: words separated by blanks, "double quotes" group (there are no escapes). Words
// key=value until `--`; what follows are the app's arguments.
// toril.cfg: one key=value a line; blanks around are dropped, and the quotes of a value that is
// quoted as a whole; lines that are empty or start with # say nothing.
// The command line beats the file; of each the last word counts.
#pragma once

#include "kernel/compiler.h"

#define OPTIONS_TEXT_BYTES      16384 // all values, arguments and environment together
#define OPTIONS_LINE_MAX        1024 // bytes of a line or a word; longer ones are taken for garbage
#define OPTIONS_ARGUMENTS_MAX   128  // of the app, its name not counted
#define OPTIONS_ENVIRONMENT_MAX 64   // NAME=VALUE pairs
#define OPTIONS_COMPLAINTS_MAX  20   // named on the console one by one; the rest is only counted

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
// `key` must be in the table of known keys in options.c.
const char *option_get(const char *key);
// The number given for `key`, decimal or 0x hexadecimal; `fallback` when it was not given.
// A value that is no number or not in [min, max] is named on the console and `fallback` counts.
uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max);
// true for on/yes/1/true, false for off/no/0/false; anything else is named and `fallback` counts.
bool option_get_bool(const char *key, bool fallback);
