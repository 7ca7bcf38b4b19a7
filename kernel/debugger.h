// SPDX-License-Identifier: MIT
#pragma once

// Waits for gdb, if option gdb=on: where the image lies is on the console by now, and
// tools/toril.gdb.py lets the machine go on. Context: core 0, before any other core runs.
void debugger_wait(void);
