// SPDX-License-Identifier: MIT
#include "net/sntp_message.h"

#include <string.h>

#include "kernel/time.h"

#define VERSION            4
#define MODE_CLIENT        3
#define MODE_SERVER        4
#define LEAP_NOT_IN_STEP   3
#define STRATUM_MAX        15
#define SECONDS_1900_1970  2208988800ll
#define SECONDS_OF_AN_ERA  (1ll << 32)
#define SECONDS_EARLIEST   1767225600ll // 2026: no clock that is right shows an earlier date
#define ROOT_DISTANCE_MAX  (3u << 15)   // 1.5 s, RFC 5905 section 11.2
#define AT_ROOT_DELAY      4
#define AT_ROOT_DISPERSION 8
#define AT_ORIGINATE       24
#define AT_RECEIVE         32
#define AT_TRANSMIT        40

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

// A 32.32 fixed-point number of seconds.
static uint64_t fixed_to_ns(uint64_t fixed)
{
    return (fixed >> 32) * NS_PER_S + ((fixed & UINT32_MAX) * NS_PER_S >> 32);
}

// Seconds since 1900 in 32 bits; in 2036 they begin anew.
static int64_t unix_ns(uint64_t timestamp)
{
    int64_t seconds = (int64_t)(timestamp >> 32) - SECONDS_1900_1970;
    if (timestamp >> 63 == 0)
        seconds += SECONDS_OF_AN_ERA;
    return seconds * (int64_t)NS_PER_S + (int64_t)fixed_to_ns(timestamp & UINT32_MAX);
}

void sntp_write(uint8_t request[SNTP_BYTES], uint64_t nonce)
{
    memset(request, 0, SNTP_BYTES);
    request[0] = VERSION << 3 | MODE_CLIENT;
    for (int i = 7; i >= 0; i--, nonce >>= 8)
        request[AT_TRANSMIT + i] = (uint8_t)nonce;
}

const char *sntp_read(const uint8_t *answer, size_t size_bytes, uint64_t nonce, uint64_t sent_ns,
                      uint64_t heard_ns, struct sntp_time *out)
{
    if (size_bytes < SNTP_BYTES || (answer[0] & 7) != MODE_SERVER ||
        get(answer + AT_ORIGINATE, 8) != nonce)
        return "";
    out->stratum = answer[1];
    if (out->stratum == 0)
        return "it asks to be left alone";
    if (answer[0] >> 6 == LEAP_NOT_IN_STEP || out->stratum > STRATUM_MAX)
        return "its own clock is not set";
    uint64_t received = get(answer + AT_RECEIVE, 8), sent = get(answer + AT_TRANSMIT, 8);
    uint64_t distance = get(answer + AT_ROOT_DELAY, 4) / 2 + get(answer + AT_ROOT_DISPERSION, 4);
    if (distance >= ROOT_DISTANCE_MAX)
        return "it does not know the time well enough";
    uint64_t held_ns = fixed_to_ns(sent - received), away_ns = heard_ns - sent_ns;
    if (received == 0 || sent == 0 || held_ns > away_ns)
        return "its times contradict each other";
    out->round_trip_ns = away_ns - held_ns;
    out->wall_ns = unix_ns(sent) + (int64_t)(out->round_trip_ns / 2);
    if (out->wall_ns < SECONDS_EARLIEST * (int64_t)NS_PER_S)
        return "its date is in the past";
    return NULL;
}
