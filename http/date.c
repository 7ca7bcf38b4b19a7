// SPDX-License-Identifier: MIT
#define _GNU_SOURCE // strptime(), timegm()
#include "http/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernel/time.h"

// A clock that says less was never set: it counts from the machine's start.
#define EARLIEST_PLAUSIBLE_UNIX_SECONDS 1577836800 // 2020-01-01

static PERCORE char date_line[64];
static PERCORE bool date_known;
PERCORE uint32_t http_date_number;
static PERCORE uint64_t refresh_at_ns;

void http_date_set(uint64_t unix_seconds)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)unix_seconds;
    struct tm tm;
    date_known = false;
    http_date_number++;
    if (unix_seconds < EARLIEST_PLAUSIBLE_UNIX_SECONDS || !gmtime_r(&seconds, &tm))
        return;
    int length =
        snprintf(date_line, sizeof(date_line), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
    date_known = length == HTTP_DATE_LINE_BYTES;
}

void http_date_refresh(uint64_t now_ns)
{
    if (now_ns < refresh_at_ns)
        return;
    struct timespec now;
    bool read = clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec > 0;
    http_date_set(read ? (uint64_t)now.tv_sec : 0);
    // up to the next full second, so that the line is never older than the clock's
    refresh_at_ns = now_ns + (read ? NS_PER_S - (uint64_t)now.tv_nsec : NS_PER_S);
}

const char *http_date_line(void)
{
    return date_known ? date_line : NULL;
}

bool http_date_read(const char *text, size_t length, uint64_t *unix_seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char copy[48];
    if (length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        time_t seconds = end && end == copy + length ? timegm(&tm) : -1;
        if (seconds < 0)
            continue;
        *unix_seconds = (uint64_t)seconds;
        return true;
    }
    return false;
}
