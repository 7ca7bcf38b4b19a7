// SPDX-License-Identifier: MIT
// Every system call that is served: CALL(name, arguments). One row makes musl call
// posix_call_NAME() directly where it names the call as a constant, and posix_syscall() where it
// does not. Arguments and results are those of Linux on x86-64, each one in a long: a result from
// -4095 to -1 is a negative errno code. To serve one more call: a row here, its function in posix/,
// and libc.a is rebuilt.
#pragma once

#define POSIX_CALLS(CALL)                                                                          \
    CALL(read, 3)                                                                                  \
    CALL(readv, 3)                                                                                 \
    CALL(write, 3)                                                                                 \
    CALL(writev, 3)                                                                                \
    CALL(open, 3)                                                                                  \
    CALL(openat, 4)                                                                                \
    CALL(access, 2)                                                                                \
    CALL(stat, 2)                                                                                  \
    CALL(lstat, 2)                                                                                 \
    CALL(fstat, 2)                                                                                 \
    CALL(newfstatat, 4)                                                                            \
    CALL(unlink, 1)                                                                                \
    CALL(rename, 2)                                                                                \
    CALL(fchmod, 2)                                                                                \
    CALL(fchown, 3)                                                                                \
    CALL(getcwd, 2)                                                                                \
    CALL(pread64, 4)                                                                               \
    CALL(pwrite64, 4)                                                                              \
    CALL(ftruncate, 2)                                                                             \
    CALL(fsync, 1)                                                                                 \
    CALL(fdatasync, 1)                                                                             \
    CALL(close, 1)                                                                                 \
    CALL(lseek, 3)                                                                                 \
    CALL(ioctl, 3)                                                                                 \
    CALL(fcntl, 3)                                                                                 \
    CALL(brk, 1)                                                                                   \
    CALL(mmap, 6)                                                                                  \
    CALL(munmap, 2)                                                                                \
    CALL(mprotect, 3)                                                                              \
    CALL(madvise, 3)                                                                               \
    CALL(clock_gettime, 2)                                                                         \
    CALL(clock_settime, 2)                                                                         \
    CALL(clock_getres, 2)                                                                          \
    CALL(nanosleep, 2)                                                                             \
    CALL(clock_nanosleep, 4)                                                                       \
    CALL(sched_yield, 0)                                                                           \
    CALL(futex, 6)                                                                                 \
    CALL(exit, 1)                                                                                  \
    CALL(exit_group, 1)                                                                            \
    CALL(getpid, 0)                                                                                \
    CALL(getppid, 0)                                                                               \
    CALL(gettid, 0)                                                                                \
    CALL(set_tid_address, 1)                                                                       \
    CALL(getuid, 0)                                                                                \
    CALL(geteuid, 0)                                                                               \
    CALL(getgid, 0)                                                                                \
    CALL(getegid, 0)                                                                               \
    CALL(kill, 2)                                                                                  \
    CALL(tkill, 2)                                                                                 \
    CALL(tgkill, 3)                                                                                \
    CALL(rt_sigaction, 4)                                                                          \
    CALL(rt_sigprocmask, 4)                                                                        \
    CALL(uname, 1)                                                                                 \
    CALL(getrandom, 3)                                                                             \
    CALL(sched_getaffinity, 3)                                                                     \
    CALL(getcpu, 3)                                                                                \
    CALL(sysinfo, 1)                                                                               \
    CALL(prlimit64, 4)

// Without arguments a call tells an id, which is an int: the C function of that name is then a
// jump.
#define POSIX_RESULT_0     int
#define POSIX_RESULT_1     long
#define POSIX_RESULT_2     long
#define POSIX_RESULT_3     long
#define POSIX_RESULT_4     long
#define POSIX_RESULT_6     long
#define POSIX_PARAMETERS_0 void
#define POSIX_PARAMETERS_1 long
#define POSIX_PARAMETERS_2 long, long
#define POSIX_PARAMETERS_3 long, long, long
#define POSIX_PARAMETERS_4 long, long, long, long
#define POSIX_PARAMETERS_6 long, long, long, long, long, long

#define POSIX_DECLARE_CALL(name, count)                                                            \
    __attribute__((visibility("hidden")))                                                          \
    POSIX_RESULT_##count posix_call_##name(POSIX_PARAMETERS_##count);
POSIX_CALLS(POSIX_DECLARE_CALL)
#undef POSIX_DECLARE_CALL

// Makes the call of this number; an unknown one is named on the console once and gives -ENOSYS.
__attribute__((visibility("hidden"))) long posix_syscall(long number, long a1, long a2, long a3,
                                                         long a4, long a5, long a6);

// The call posix_call_##name with as many of (a1..a6) as it takes, for the switches that dispatch.
#define POSIX_CALL_0(name) posix_call_##name()
#define POSIX_CALL_1(name) posix_call_##name(a1)
#define POSIX_CALL_2(name) posix_call_##name(a1, a2)
#define POSIX_CALL_3(name) posix_call_##name(a1, a2, a3)
#define POSIX_CALL_4(name) posix_call_##name(a1, a2, a3, a4)
#define POSIX_CALL_6(name) posix_call_##name(a1, a2, a3, a4, a5, a6)
#define POSIX_CASE(name, count)                                                                    \
    case __NR_##name:                                                                              \
        return POSIX_CALL_##count(name);
