// SPDX-License-Identifier: MIT
// What a core waits with, on CPUs of all kinds.
#include "host.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/idle.h"
#include "kernel/options.h"

#define HAS_MWAIT      (1u << 3)
#define HAS_HYPERVISOR (1u << 31)
#define ZEN_5          0x00b20f21u
#define GOLDMONT       0x000506c9u
#define LUNAR_LAKE     0x000b06d1u

static uint32_t signature, features, smallest_line_bytes;
static const char *option;
static const volatile void *watched;
static unsigned halts, mwaits;

void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    (void)subleaf;
    *a = leaf == 1 ? signature : leaf == 5 ? smallest_line_bytes : 0;
    *b = 0;
    *c = leaf == 1 ? features : 0;
    *d = 0;
}

const char *option_get(const char *key)
{
    assert_string_equal(key, "idle");
    return option;
}

void cpu_monitor(const volatile void *address)
{
    watched = address;
}

void cpu_mwait_interruptible(void)
{
    assert_non_null(watched);
    mwaits++;
}

void cpu_halt_interruptible(void)
{
    halts++;
}

// Starts, and waits once. Returns: true if that was in MWAIT, on the doorbell.
static bool waits_in_mwait(void)
{
    static const uint64_t doorbell;
    host_log_clear();
    halts = mwaits = 0;
    watched = NULL;
    idle_start();
    idle_prepare(&doorbell);
    idle_wait();
    assert_int_equal(halts + mwaits, 1);
    assert_true(watched == (mwaits == 1 ? &doorbell : NULL));
    assert_int_equal(idle_uses_mwait, mwaits == 1);
    return mwaits == 1;
}

static int setup(void **state)
{
    (void)state;
    signature = ZEN_5;
    features = HAS_MWAIT;
    smallest_line_bytes = 64;
    option = NULL;
    return 0;
}

static void mwait_where_it_is_good(void **state)
{
    (void)state;
    assert_true(waits_in_mwait());
    option = "auto";
    assert_true(waits_in_mwait());
    option = "mwait";
    assert_true(waits_in_mwait());
    assert_string_equal(host_log, "");
}

static void halt_where_it_is_not(void **state)
{
    (void)state;
    features = 0;
    assert_false(waits_in_mwait());
    features = HAS_MWAIT | HAS_HYPERVISOR;
    assert_false(waits_in_mwait());
    features = HAS_MWAIT;
    smallest_line_bytes = 0;
    assert_false(waits_in_mwait());
    smallest_line_bytes = 64;
    signature = GOLDMONT;
    assert_false(waits_in_mwait());
    signature = LUNAR_LAKE;
    assert_false(waits_in_mwait());
    assert_string_equal(host_log, "");
}

static void the_option_decides(void **state)
{
    (void)state;
    option = "halt";
    assert_false(waits_in_mwait());
    option = "mwait";
    features = HAS_MWAIT | HAS_HYPERVISOR;
    smallest_line_bytes = 0;
    assert_true(waits_in_mwait());
    assert_string_equal(host_log, "");
}

static void what_the_cpu_lacks_is_told(void **state)
{
    (void)state;
    option = "mwait";
    features = HAS_HYPERVISOR;
    assert_false(waits_in_mwait());
    assert_true(host_log_has("idle=mwait, but this CPU offers no MWAIT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(mwait_where_it_is_good, setup),
        cmocka_unit_test_setup(halt_where_it_is_not, setup),
        cmocka_unit_test_setup(the_option_decides, setup),
        cmocka_unit_test_setup(what_the_cpu_lacks_is_told, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
