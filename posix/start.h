// SPDX-License-Identifier: MIT
// The C library's beginning and end. Each core has a musl of its own, for all that musl writes
// is core-local: stdout, atexit, locale. So it is single-threaded and takes no locks. Files,
// environment and everything else it keeps belong to the core they were made on.
//
// Before posix_start_core(), once relocations are applied, these work, on any core that has its
// core-local pages: mem*, str*, snprintf and vsnprintf (with %m), strto*, qsort, bsearch, ctype.h,
// math.h, errno, setjmp, getenv, sysconf. Not before it: getauxval.
// None of musl works in an interrupt handler: even memcpy uses vector registers.
// malloc works as soon as kernel/heap.h does, stdio's output as soon as kernel/console.h does.
//
// errno is one variable a thread, in the kernel's (thread_errno()).
//
// A write to stdout must not be interrupted by another thread's: console_write() must not yield.
#pragma once

// Makes the rest of musl usable on this core. Needs no memory, logs nothing.
// Context: once on each core, before any thread of it runs.
void posix_start_core(void);

// Calls main(argc, argv, envp), then exit() with its result: atexit functions run, stdio is
// flushed, the machine ends by power_end(). Sets the environment and the program's name (argv[0]).
// Context: the app's thread; once. Owns: argv, envp and their strings, for good.
_Noreturn void posix_run_main(int argc, char **argv, char **envp);
// The thread that called it, with whose end the program ends.
struct thread *posix_main_thread(void);
