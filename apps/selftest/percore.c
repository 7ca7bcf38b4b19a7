// SPDX-License-Identifier: MIT
// Core-local variables: one address, one value a core.
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"

#define TEMPLATE   0x5eed5eedu
#define BIG_BYTES  10000 // more than two pages
#define MANY_TIMES 20

static PERCORE unsigned initialised = TEMPLATE;
static PERCORE unsigned zeroed;
static PERCORE void *points_to_itself = &points_to_itself;
static PERCORE unsigned char big[BIG_BYTES];
static PERCORE unsigned own;

struct seen {
    const void *address;
    unsigned initialised, zeroed, own;
};
static struct seen seen[CORES_MAX]; // each entry written by its core, read when that is done

// Every core starts with what the source says, also in variables that core 0 has changed by then.
static void look_at_template(void *argument)
{
    (void)argument;
    seen[core_index()] = (struct seen){&initialised, initialised, zeroed, 0};
    CHECK(points_to_itself == &points_to_itself);
    for (size_t i = 0; i < sizeof(big); i++)
        if (!CHECK_EQUAL(big[i], 0))
            break;
    initialised = core_index();
    zeroed = core_index() + 1;
}

void case_percore_template(void)
{
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        run_on(core, look_at_template, NULL);
        CHECK(seen[core].address == &initialised);
        CHECK_EQUAL(seen[core].initialised, TEMPLATE);
        CHECK_EQUAL(seen[core].zeroed, 0);
    }
}

static unsigned char pattern(unsigned core, unsigned round, size_t i)
{
    return (unsigned char)(core * 59 + round * 7 + i * 13 + i / 256);
}

static void keep_own_values(void *argument)
{
    (void)argument;
    unsigned core = core_index();
    for (unsigned round = 0; round < MANY_TIMES; round++) {
        own = core * 1000 + round;
        for (size_t i = 0; i < sizeof(big); i++)
            big[i] = pattern(core, round, i);
        run_barrier(); // every core has written
        CHECK_EQUAL(core_index(), core);
        CHECK_EQUAL(own, core * 1000 + round);
        for (size_t i = 0; i < sizeof(big); i++)
            if (!CHECK_EQUAL(big[i], pattern(core, round, i)))
                break;
        run_barrier(); // every core has read
    }
    memset(big, 0, sizeof(big));
    seen[core].address = &own;
}

void case_percore_private(void)
{
    memset(seen, 0, sizeof(seen));
    run_on_all(keep_own_values, NULL);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            CHECK(seen[core].address == &own);
}

static void set_own(void *argument)
{
    own = *(const unsigned *)argument + core_index();
}

void case_percore_seen_from_core_0(void)
{
    unsigned base = 4000;
    run_on_all(set_own, &base);
    const unsigned *first = core_local_of(0, &own);
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        const unsigned *value = core_local_of(core, &own);
        if (CHECK(value != NULL))
            CHECK_EQUAL(*value, base + core);
        CHECK(core == 0 || value != first);
    }
    CHECK(core_local_of(core_count(), &own) == NULL);
}
