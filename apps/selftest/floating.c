// SPDX-License-Identifier: MIT
// Floating point across switches. A switch is a call: control words are kept for the thread, values
// by the compiler.
#include <fenv.h>
#include <math.h>
#include <stdlib.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define ROUNDS        100
#define MXCSR_DEFAULT 0x1f80u
#define X87_DEFAULT   0x037fu
#define MXCSR_CONTROL 0xffc0u // without the flags that any operation may set

static uint32_t mxcsr_get(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value & MXCSR_CONTROL;
}

static uint16_t x87_get(void)
{
    uint16_t value;
    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

static PERCORE unsigned ended;
static PERCORE bool all_ended;

static void keep_mode(void *argument)
{
    int mode = modes[(uintptr_t)argument];
    CHECK_EQUAL(mxcsr_get(), MXCSR_DEFAULT); // whatever its creator had set
    CHECK_EQUAL(x87_get(), X87_DEFAULT);
    CHECK_EQUAL(fesetround(mode), 0);
    uint32_t mxcsr = mxcsr_get();
    uint16_t x87 = x87_get();
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 10 == 9)
            thread_sleep_until(time_now_ns() + NS_PER_US);
        else
            thread_yield();
        CHECK_EQUAL(mxcsr_get(), mxcsr);
        CHECK_EQUAL(x87_get(), x87);
        CHECK_EQUAL(fegetround(), mode);
        // 2.5 becomes 2, 2, 3, 2 and -2.5 becomes -2, -3, -2, -2
        volatile double plus = 2.5, minus = -2.5;
        CHECK_EQUAL(lrint(plus), mode == FE_UPWARD ? 3 : 2);
        CHECK_EQUAL(lrint(minus), mode == FE_DOWNWARD ? -3 : -2);
    }
    all_ended = ++ended == ARRAY_COUNT(modes);
}

static void all_modes(void *argument)
{
    (void)argument;
    ended = 0;
    all_ended = false;
    fesetround(FE_UPWARD); // a new thread must not get this
    for (uintptr_t i = 0; i < ARRAY_COUNT(modes); i++)
        if (!CHECK(thread_create("rounding", keep_mode, (void *)i) != NULL))
            return;
    run_wait_for(&all_ended);
    CHECK_EQUAL(fegetround(), FE_UPWARD);
}

void case_floating_control_words(void)
{
    run_on_all(all_modes, NULL);
    CHECK_EQUAL(fegetround(), FE_TONEAREST);
}

static void compute(void *argument)
{
    double x = (double)(uintptr_t)argument + 1, sum = 0;
    long double y = (long double)x / 3;
    double expected = 0;
    for (unsigned i = 1; i <= ROUNDS; i++)
        expected += x * i;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        sum += x * i;
        thread_yield();
        y *= 2;
        y /= 2;
    }
    CHECK(sum == expected);
    CHECK(y == (long double)x / 3);
    all_ended = ++ended == 4;
}

static void compute_side_by_side(void *argument)
{
    (void)argument;
    ended = 0;
    all_ended = false;
    for (uintptr_t i = 0; i < 4; i++)
        if (!CHECK(thread_create("computes", compute, (void *)i) != NULL))
            return;
    run_wait_for(&all_ended);
}

void case_floating_values(void)
{
    run_on_all(compute_side_by_side, NULL);
}
