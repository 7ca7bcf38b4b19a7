// SPDX-License-Identifier: MIT
// Windows over time, against the formulas of RFC 9438 in floating point.
#include "host.h"

#include "net/tcp_cubic.h"

#define MSS     1460
#define TRIP_US 100000

static double cube_root(double of)
{
    double low = 0, high = of + 1;
    while (high - low > 1e-9 * high) {
        double middle = (low + high) / 2;
        *(middle * middle * middle > of ? &high : &low) = middle;
    }
    return low;
}

// Acknowledges all of the window in each round trip. Returns: the window after `seconds`.
static uint32_t run(struct net_cubic *cubic, uint32_t window, double seconds, uint32_t trip_us,
                    uint32_t start_us)
{
    for (double at_us = 0; at_us < seconds * 1e6; at_us += trip_us)
        for (int part = 0; part < 10; part++)
            window = net_cubic_acknowledged(
                cubic, window, window / 10,
                start_us + (uint32_t)at_us + (uint32_t)part * trip_us / 10, trip_us, MSS);
    return window;
}

static void a_loss_leaves_seven_tenths(void **unused)
{
    (void)unused;
    struct net_cubic cubic = {0};
    assert_int_equal(net_cubic_lost(&cubic, 100 * MSS, MSS), 70 * MSS);
    assert_int_equal(cubic.plateau, 100 * MSS);
    assert_int_equal(net_cubic_lost(&cubic, 80 * MSS, MSS), 56 * MSS);
    assert_int_equal(cubic.plateau, 68 * MSS); // lost below the plateau: some is left to others
    assert_int_equal(net_cubic_lost(&cubic, 2 * MSS, MSS), 2 * MSS);
}

static void the_plateau_is_reached_when_it_should(void **unused)
{
    (void)unused;
    for (uint32_t segments = 100; segments <= 10000; segments *= 10) {
        struct net_cubic cubic = {0};
        uint32_t window = net_cubic_lost(&cubic, segments * MSS, MSS);
        double rise_s = cube_root(segments * 0.3 / 0.4);
        uint32_t half = run(&cubic, window, rise_s / 2, TRIP_US, 7);
        double expected = segments - 0.4 * rise_s * rise_s * rise_s / 8;
        assert_float_equal((double)half / MSS, expected, expected * 0.03 + 2);
        assert_float_equal(cubic.rise_ms / 1000.0, rise_s, 0.01);
    }
}

static void beyond_the_plateau_it_grows_ever_faster(void **unused)
{
    (void)unused;
    struct net_cubic cubic = {0};
    uint32_t window = net_cubic_lost(&cubic, 1000 * MSS, MSS);
    double rise_s = cube_root(300 / 0.4);
    window = run(&cubic, window, rise_s + 5, TRIP_US, 0xffffff00u); // the clock wraps
    assert_float_equal((double)window / MSS, 1000 + 0.4 * 125, 20);
}

static void on_short_round_trips_it_is_no_slower_than_reno(void **unused)
{
    (void)unused;
    struct net_cubic cubic = {0};
    uint32_t window = net_cubic_lost(&cubic, 20 * MSS, MSS);
    window =
        run(&cubic, window, 0.1, 1000, 0); // 100 round trips: 9 / 17 of a segment in each, then 1
    assert_in_range(window, 90 * MSS, 112 * MSS);
}

static void no_acknowledgement_makes_it_more_than_half_larger(void **unused)
{
    (void)unused;
    struct net_cubic cubic = {0};
    uint32_t window = net_cubic_lost(&cubic, 1000 * MSS, MSS);
    (void)net_cubic_acknowledged(&cubic, window, MSS, 0, TRIP_US, MSS);
    uint32_t later = net_cubic_acknowledged(&cubic, window, window, 2000000000u, TRIP_US, MSS);
    assert_in_range(later, window + window / 3, window + window / 2 + MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_leaves_seven_tenths),
        cmocka_unit_test(the_plateau_is_reached_when_it_should),
        cmocka_unit_test(beyond_the_plateau_it_grows_ever_faster),
        cmocka_unit_test(on_short_round_trips_it_is_no_slower_than_reno),
        cmocka_unit_test(no_acknowledgement_makes_it_more_than_half_larger),
    };
    return cmocka_run_group_tests_name("net_cubic", tests, NULL, NULL);
}
