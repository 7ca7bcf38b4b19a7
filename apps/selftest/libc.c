// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/options.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define ERRNO_THREADS 5
#define ERRNO_ROUNDS  50

static PERCORE unsigned errno_ended;
static PERCORE bool errno_all_ended;

static void keep_errno(void *argument)
{
    int own = 1000 + (int)(uintptr_t)argument;
    errno = own;
    for (unsigned round = 0; round < ERRNO_ROUNDS; round++) {
        switch (round % 3) {
        case 0:
            thread_yield();
            break;
        case 1:
            thread_sleep_until(time_now_ns() + NS_PER_US * own);
            break;
        default:
            thread_wait_until(time_now_ns() + NS_PER_US);
        }
        CHECK_EQUAL(errno, own);
        errno = own += 7;
    }
    errno_all_ended = ++errno_ended == ERRNO_THREADS;
}

static void errno_of_threads(void *argument)
{
    (void)argument;
    errno = 4242;
    errno_ended = 0;
    errno_all_ended = false;
    for (uintptr_t i = 0; i < ERRNO_THREADS; i++)
        if (!CHECK(thread_create("errno", keep_errno, (void *)(100 * i)) != NULL))
            return;
    run_wait_for(&errno_all_ended);
    CHECK_EQUAL(errno, 4242);
}

void case_errno_per_thread(void)
{
    run_on_all(errno_of_threads, NULL);
}

#define CHECK_FORMAT(expected, ...)                                                                \
    do {                                                                                           \
        char text_[200];                                                                           \
        CHECK_EQUAL(snprintf(text_, sizeof(text_), __VA_ARGS__), strlen(expected));                \
        CHECK_TEXT(text_, expected);                                                               \
    } while (0)

static void formats(void *argument)
{
    (void)argument;
    CHECK_FORMAT("-42 42 2a 0X2A 052", "%d %u %x %#X %#o", -42, 42u, 42u, 42u, 42u);
    CHECK_FORMAT("-9223372036854775808 18446744073709551615", "%lld %llu", INT64_MIN + 0ll,
                 UINT64_MAX + 0ull);
    CHECK_FORMAT("[    7][7    ][00007][   +7]", "[%5d][%-5d][%05d][%+5d]", 7, 7, 7, 7);
    CHECK_FORMAT("[abc][  abc][abc  ][ab]", "[%s][%5s][%-5s][%.2s]", "abc", "abc", "abc", "abc");
    CHECK_FORMAT("3.14 -0.5 1e+100 0x1.8p+1 inf nan", "%.2f %g %g %a %f %f", 3.14159, -0.5, 1e100,
                 3.0, (double)INFINITY, (double)NAN);
    CHECK_FORMAT("1.100000000000000088817841970012523", "%.33f", 1.1);
    CHECK_FORMAT("x 100% 12 3", "%c %d%% %hhd %zu", 'x', 100, (signed char)12, (size_t)3);
    CHECK_FORMAT("     7.50", "%*.*f", 9, 2, 7.5);
    errno = ENOENT;
    CHECK_FORMAT("No such file or directory", "%m");
    char small[8] = "xxxxxxx";
    volatile size_t room = 5;
    CHECK_EQUAL(snprintf(small, room, "%s", "abcdefgh"), 8); // what there would have been
    CHECK(memcmp(small, "abcd\0xx", 8) == 0);
}

void case_libc_printf(void)
{
    run_on_all(formats, NULL);
}

static void numbers(void *argument)
{
    (void)argument;
    char *end;
    CHECK(strtod("  -12.5e3xyz", &end) == -12500.0);
    CHECK_TEXT(end, "xyz");
    CHECK(strtod("0x1.8p1", NULL) == 3.0);
    CHECK(strtod("2.2250738585072011e-308", NULL) > 0);
    CHECK(isinf(strtod("1e400", NULL)));
    CHECK(isnan(strtod("nan", NULL)));
    CHECK_EQUAL(strtol("-0x7f", NULL, 0), -127);
    errno = 0;
    CHECK_EQUAL(strtol("99999999999999999999", &end, 10), INT64_MAX);
    CHECK_EQUAL(errno, ERANGE);
    CHECK_EQUAL(strtoull("18446744073709551615", NULL, 10) == UINT64_MAX, true);
    int a = 0;
    double b = 0;
    char word[8] = "";
    CHECK_EQUAL(sscanf("17 word 2.5", "%d %7s %lf", &a, word, &b), 3);
    CHECK(a == 17 && strcmp(word, "word") == 0 && b == 2.5);
    volatile double two = 2, one = 1;
    CHECK(sqrt(two) == 1.4142135623730951);
    CHECK(fabs(sin(one) - 0.8414709848078965) < 1e-15);
    CHECK(pow(two, 10) == 1024);
    CHECK(toupper('q') == 'Q' && isdigit('7') && !isalpha('7'));
    CHECK_TEXT(strerror(EINVAL), "Invalid argument");
}

void case_libc_numbers(void)
{
    run_on_all(numbers, NULL);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void sort(void *argument)
{
    (void)argument;
    static PERCORE uint32_t values[3000];
    uint32_t state = core_index() + 5;
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        sum += values[i] = run_pseudo_random(&state) % 2000;
    qsort(values, ARRAY_COUNT(values), sizeof(values[0]), compare);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        sum -= values[i];
        CHECK(i == 0 || values[i - 1] <= values[i]);
    }
    CHECK_EQUAL(sum, 0);
    uint32_t key = values[1234];
    uint32_t *found = bsearch(&key, values, ARRAY_COUNT(values), sizeof(values[0]), compare);
    CHECK(found != NULL && *found == key);
}

void case_libc_qsort(void)
{
    run_on_all(sort, NULL);
}

static jmp_buf place;
static volatile bool jumps = true;

static void __attribute__((noinline)) jump_from(unsigned depth)
{
    volatile unsigned char frame[100] = {0};
    if (depth > 0)
        jump_from(depth - 1);
    else if (jumps)
        longjmp(place, 77);
    frame[0]++;
}

void case_libc_setjmp(void)
{
    volatile unsigned tries = 0;
    int from = setjmp(place);
    tries++;
    if (from == 0) {
        jump_from(10);
        CHECK(!"longjmp returned");
    }
    CHECK_EQUAL(from, 77);
    CHECK_EQUAL(tries, 2);
}

void case_libc_environment(void)
{
    // Whatever options env= and args= gave is what the app sees.
    for (char **entry = options_environ(); *entry != NULL; entry++) {
        char name[100];
        size_t length = strcspn(*entry, "=");
        if (length >= sizeof(name))
            continue;
        memcpy(name, *entry, length);
        name[length] = '\0';
        CHECK_TEXT(getenv(name), *entry + length + 1);
    }
    CHECK(options_argc() >= 1 && options_argv()[options_argc()] == NULL);
    CHECK(getenv("SELFTEST_OWN") == NULL);
    CHECK_EQUAL(setenv("SELFTEST_OWN", "a value", 1), 0);
    CHECK_TEXT(getenv("SELFTEST_OWN"), "a value");
    CHECK_EQUAL(unsetenv("SELFTEST_OWN"), 0);
    CHECK(getenv("SELFTEST_OWN") == NULL);
}

static void on_each_core(void *argument)
{
    (void)argument;
    CHECK_EQUAL(sysconf(_SC_PAGESIZE), 4096);
    CHECK_EQUAL(getauxval(AT_PAGESZ), 4096);
    CHECK(getenv("SELFTEST_NOT_THERE") == NULL);
    CHECK_EQUAL(setenv("SELFTEST_CORE", core_index() % 2 ? "odd" : "even", 1), 0);
    CHECK_TEXT(getenv("SELFTEST_CORE"), core_index() % 2 ? "odd" : "even");
    // Its stdout is its own, what it writes comes out on core 0.
    CHECK(printf("selftest: core %u prints\n", core_index()) > 0);
    CHECK_EQUAL(fflush(stdout), 0);
    char *block = strdup("a copy");
    CHECK_TEXT(block, "a copy");
    CHECK(malloc_usable_size(block) >= 7);
    free(block);
    CHECK_EQUAL(malloc_usable_size(NULL), 0);
}

void case_libc_on_each_core(void)
{
    run_on_all(on_each_core, NULL);
}

void case_libc_system_calls(void)
{
    errno = 0;
    CHECK_EQUAL(syscall(9999), -1);
    CHECK_EQUAL(errno, ENOSYS);
    volatile long number = SYS_ptrace; // known, not served; the console says so once
    for (int i = 0; i < 2; i++) {
        errno = 0;
        CHECK_EQUAL(syscall(number, 0, 0, 0, 0), -1);
        CHECK_EQUAL(errno, ENOSYS);
    }
    errno = 0;
    CHECK_EQUAL(write(77, "x", 1), -1);
    CHECK_EQUAL(errno, EBADF);
    CHECK(fopen("/not/there", "r") == NULL);
    CHECK(getpid() > 0);
}
