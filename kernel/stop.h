// SPDX-License-Identifier: MIT
// Somebody wishes the machine to end: by its power button (a cloud's "shut down"), by key `q`, or
// the program itself by SIGTERM. An app that has something to finish waits for it in stop_wait(),
// or has a handler for SIGTERM, and then returns from main. Without either the machine ends at
// once, with status 0; so it does at a second wish.
#pragma once

#include "kernel/compiler.h"

// Tells of the wish. `who` is text that stays where it is. Context: a thread; it may not come back.
void stop_request(const char *who);
// Waits for the wish. Context: threads of core 0. Blocks. Returns: who has it.
const char *stop_wait(void);
// Has `handler` called, on core 0, in place of ending the machine; NULL: no more. It does not
// block.
void stop_set_handler(void (*handler)(void));
