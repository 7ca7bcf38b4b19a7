// SPDX-License-Identifier: MIT
#include "net/tcp_cubic.h"

// beta = 0.7 and C = 0.4 segments a second cubed, section 4.6
#define BETA_NUMERATOR   7
#define BETA_DENOMINATOR 10
#define C_NUMERATOR      2
#define C_DENOMINATOR    5
#define MS3_PER_S3       1000000000ull
#define SEGMENTS_MIN     2
// Beyond this the window has long met another bound; cubed and times C it still fits 64 bits.
#define ELAPSED_MS_MAX 100000
// Reno grows by one segment a window, CUBIC's imitation of it by 3 (1 - beta) / (1 + beta) = 9 / 17
// until it has caught up with the window before the loss. Section 4.3
#define ALPHA_NUMERATOR   9
#define ALPHA_DENOMINATOR 17

static uint32_t cube_root(uint64_t of)
{
    uint64_t root = 0;
    for (int bit = 20; bit >= 0; bit--) { // its cube fits 63 bits
        uint64_t tried = root | 1ull << bit;
        if (tried * tried * tried <= of)
            root = tried;
    }
    return (uint32_t)root;
}

uint32_t net_cubic_lost(struct net_cubic *cubic, uint32_t window, uint32_t segment_bytes)
{
    // Lost below the last plateau: others want a part, so it is given up sooner (section 4.7).
    uint64_t plateau = window;
    if (window < cubic->plateau)
        plateau = plateau * (BETA_DENOMINATOR + BETA_NUMERATOR) / (2 * BETA_DENOMINATOR);
    cubic->plateau = (uint32_t)plateau;
    cubic->before = window;
    cubic->has_begun = false;
    uint32_t left = (uint32_t)((uint64_t)window * BETA_NUMERATOR / BETA_DENOMINATOR);
    return left > SEGMENTS_MIN * segment_bytes ? left : SEGMENTS_MIN * segment_bytes;
}

static void begin(struct net_cubic *cubic, uint32_t window, uint32_t now_us, uint32_t segment_bytes)
{
    cubic->has_begun = true;
    cubic->begun_us = now_us;
    cubic->reno = window;
    cubic->reno_part = 0;
    if (cubic->plateau < window)
        cubic->plateau = window;
    uint64_t missing = cubic->plateau - window;
    cubic->rise_ms = cube_root(missing * C_DENOMINATOR * MS3_PER_S3 / C_NUMERATOR / segment_bytes);
}

// W_cubic, section 4.2.
static uint64_t curve(const struct net_cubic *cubic, uint64_t elapsed_ms, uint32_t segment_bytes)
{
    if (elapsed_ms > ELAPSED_MS_MAX)
        elapsed_ms = ELAPSED_MS_MAX;
    bool is_below = elapsed_ms < cubic->rise_ms;
    uint64_t distance_ms = is_below ? cubic->rise_ms - elapsed_ms : elapsed_ms - cubic->rise_ms;
    uint64_t distance = distance_ms * distance_ms * distance_ms / C_DENOMINATOR * C_NUMERATOR /
                        (MS3_PER_S3 / 1000) * segment_bytes / 1000;
    if (!is_below)
        return cubic->plateau + distance;
    return cubic->plateau > distance ? cubic->plateau - distance : 0;
}

static void grow_as_reno(struct net_cubic *cubic, uint32_t acknowledged, uint32_t segment_bytes)
{
    bool caught_up = cubic->reno >= cubic->before;
    cubic->reno_part += acknowledged;
    uint64_t a_segment = cubic->reno; // acknowledged bytes for which it grows by one
    if (!caught_up)
        a_segment = a_segment * ALPHA_DENOMINATOR / ALPHA_NUMERATOR;
    if (cubic->reno_part >= a_segment) {
        cubic->reno_part -= (uint32_t)a_segment;
        cubic->reno += segment_bytes;
    }
}

uint32_t net_cubic_acknowledged(struct net_cubic *cubic, uint32_t window, uint32_t acknowledged,
                                uint32_t now_us, uint32_t round_trip_us, uint32_t segment_bytes)
{
    if (!cubic->has_begun)
        begin(cubic, window, now_us, segment_bytes);
    grow_as_reno(cubic, acknowledged, segment_bytes);
    uint64_t elapsed_us = (uint32_t)(now_us - cubic->begun_us);
    uint64_t target = curve(cubic, (elapsed_us + round_trip_us) / 1000, segment_bytes);
    uint64_t most = (uint64_t)window + window / 2;
    target = target < most ? target : most;
    if (target > window)
        window += (uint32_t)((target - window) * acknowledged / window);
    return window > cubic->reno ? window : cubic->reno;
}
