// SPDX-License-Identifier: MIT
#include "kernel/random.h"

#include <string.h>
#include <sys/random.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"

#define KEY_BYTES    32
#define SAMPLE_BYTES 65536
#define GUARD        0x5c

static unsigned char first[CORES_MAX][KEY_BYTES]; // each written by its core

static void take_two(void *argument)
{
    (void)argument;
    unsigned char second[KEY_BYTES];
    random_bytes(first[core_index()], KEY_BYTES);
    random_bytes(second, KEY_BYTES);
    CHECK(memcmp(first[core_index()], second, KEY_BYTES) != 0);
    CHECK(random_u32() != random_u32() || random_u32() != random_u32());
}

void case_random_differs(void)
{
    run_on_all(take_two, NULL);
    for (unsigned a = 0; a < core_count(); a++)
        for (unsigned b = 0; b < a; b++)
            if (core_is_online(a) && core_is_online(b))
                CHECK(memcmp(first[a], first[b], KEY_BYTES) != 0);
}

static void count_bits(void *argument)
{
    (void)argument;
    static PERCORE unsigned char sample[SAMPLE_BYTES];
    static PERCORE unsigned of_value[256];
    memset(of_value, 0, sizeof(of_value));
    random_bytes(sample, sizeof(sample));
    unsigned ones = 0;
    for (size_t i = 0; i < sizeof(sample); i++) {
        ones += (unsigned)__builtin_popcount(sample[i]);
        of_value[sample[i]]++;
    }
    // Half of 524288 bits; 362 is one standard deviation, this is eight of them.
    CHECK(ones > 262144 - 2896 && ones < 262144 + 2896);
    for (unsigned value = 0; value < 256; value++)
        CHECK(of_value[value] > 128 && of_value[value] < 384); // 256 each, deviation 16
}

void case_random_is_balanced(void)
{
    run_on_all(count_bits, NULL);
}

static void keep_to_bounds(void *argument)
{
    (void)argument;
    unsigned char buffer[300];
    for (size_t size_bytes = 0; size_bytes <= 200; size_bytes++) {
        size_t start = size_bytes % 17 + 1;
        memset(buffer, GUARD, sizeof(buffer));
        random_bytes(buffer + start, size_bytes);
        for (size_t i = 0; i < sizeof(buffer); i++)
            if (i < start || i >= start + size_bytes)
                if (!CHECK_EQUAL(buffer[i], GUARD))
                    return;
    }
    memset(buffer, GUARD, sizeof(buffer));
    if (random_is_strong()) {
        CHECK_EQUAL(getrandom(buffer, 100, 0), 100);
        size_t same = 0;
        for (size_t i = 0; i < 100; i++)
            same += buffer[i] == GUARD;
        CHECK(same < 20);
    }
    CHECK_EQUAL(buffer[100], GUARD);
}

void case_random_bounds(void)
{
    run_on_all(keep_to_bounds, NULL);
}
