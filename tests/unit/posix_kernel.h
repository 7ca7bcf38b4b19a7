// SPDX-License-Identifier: MIT
// What posix_program.c reads and steers of the stub kernel below it (posix_kernel.c).
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

// Counts a check, and says on the process' stderr which one failed.
void test_check(int holds, const char *text, int line);

// What reached the console since test_output_clear().
void test_output_clear(void);
int test_output_is(const char *text);
extern size_t test_output_bytes;
extern int test_console_writes;

// What was logged since test_log_clear().
extern char test_log[1024];
void test_log_clear(void);

extern int test_heap_blocks, test_pages_out; // taken and not given back
extern uint64_t test_last_sleep_ns;          // the deadline of the last sleep
extern int test_constructed;
extern int test_random_strong;
// Runs once, in place of the other threads, when the program waits.
extern void (*test_other_thread)(void);

// When armed, panic() jumps here with its text left in test_panic_text.
extern jmp_buf test_panic_jump;
extern int test_panic_armed;
extern char test_panic_text[256];

// Who wished the machine to end, and what the program wants to have called then.
extern const char *test_stop_wish;
extern void (*test_stop_handler)(void);

// The program's: the whole test, and what must hold when the machine ends.
void test_run(void);
void test_ended(int status);
