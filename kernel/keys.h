// SPDX-License-Identifier: MIT
// Keys of the console: what is typed at the serial port shows what goes on inside, on all consoles;
// `?` lists the keys. An interrupt tells of a key, so waiting for one costs nothing, and a thread
// of core 0 that lives until it is done does what the key says.
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

// Runs a function that does not block in the loop of another core, and waits for it.
typedef void (*run_on_core_fn)(unsigned core, void (*function)(void *argument), void *argument);

// A key of another layer. Its answer runs in a thread of core 0 and writes with keys_show().
struct key_answer {
    char key;
    const char *help;
    void (*answer)(void);
    struct key_answer *next; // set by keys_add()
};
// Owns: the struct, for good.
void keys_add(struct key_answer *added);
void keys_show(const char *format, ...) PRINTF_LIKE(1, 2);

// Starts listening, unless option keys=off; says on the console when it cannot.
// Context: a thread of core 0 while booting.
void keys_start(const struct acpi_facts *facts, run_on_core_fn run_on_core);
