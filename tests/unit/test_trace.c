// SPDX-License-Identifier: MIT
// The ring and the text of a dump. The tool that reads the text is tested in
// tests/boot/test_trace.py.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/symbols.h"
#include "kernel/time.h"
#include "kernel/trace.h"

#define RING_EVENTS 128 // what trace_events=100 makes

PERCORE unsigned core_this_index;
unsigned core_slot_count = 2;

static bool option_trace = true, has_memory = true;
static uint64_t option_events = 100;
static size_t pages_given;
static char dump[1 << 20];
static size_t dump_bytes;
static struct trace_ring *busy_ring; // gets three events for each line that is written

bool option_get_bool(const char *key, bool fallback)
{
    assert_string_equal(key, "trace");
    assert_false(fallback);
    return option_trace;
}

uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
    assert_string_equal(key, "trace_events");
    assert_true(min <= fallback && fallback <= max);
    return option_events;
}

void *page_alloc(size_t count)
{
    pages_given = count;
    return has_memory ? aligned_alloc(PAGE_BYTES, count * PAGE_BYTES) : NULL;
}

// Core 1 is this one, core 0 has no ring.
const void *core_local_of(unsigned core, const void *variable)
{
    static struct trace_ring none;
    return core == 1 ? variable : &none;
}

uint64_t time_from_tsc_of(unsigned core, uint64_t tsc)
{
    assert_int_equal(core, 1);
    return tsc;
}

void console_let_read(void)
{
}

const char *symbols_find(uintptr_t address, uintptr_t *offset)
{
    *offset = 0;
    return address == 0x1000 ? "timer_wakes" : NULL;
}

static void keep_text(const char *text, size_t size_bytes)
{
    assert_true(dump_bytes + size_bytes < sizeof(dump));
    memcpy(dump + dump_bytes, text, size_bytes);
    dump_bytes += size_bytes;
    dump[dump_bytes] = '\0';
    if (busy_ring != NULL)
        for (unsigned i = 0; i < 3; i++)
            trace_event(TRACE_USER, 999999, 0);
}

static const char *dump_now(uint64_t events_max)
{
    dump_bytes = 0;
    dump[0] = '\0';
    trace_dump(events_max, keep_text);
    return dump;
}

// Lines that hold "user A B", from the dump; -1 for another line.
static unsigned users_in_dump(uint64_t *a, unsigned room)
{
    unsigned count = 0;
    for (const char *line = dump; *line != '\0'; line = strchr(line, '\n') + 1) {
        unsigned core;
        unsigned long long time, first, second;
        assert_int_equal(
            sscanf(line, "trace: %u %llu user %llu %llu\n", &core, &time, &first, &second), 4);
        assert_int_equal(core, 1);
        assert_true(count < room);
        a[count++] = first;
    }
    return count;
}

static int begin(void **state)
{
    (void)state;
    option_trace = has_memory = true;
    option_events = 100;
    busy_ring = NULL;
    host_log_clear();
    memset(&trace_ring, 0, sizeof(trace_ring));
    core_this_index = 1;
    trace_start_core();
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(trace_ring.events);
    return 0;
}

static void nothing_is_kept_unless_asked_for(void **state)
{
    (void)state;
    free(trace_ring.events);
    memset(&trace_ring, 0, sizeof(trace_ring));
    option_trace = false;
    pages_given = 0;
    trace_start_core();
    trace_event(TRACE_USER, 1, 2);
    assert_int_equal(pages_given, 0);
    assert_int_equal(trace_ring.next_bytes, 0);
    assert_string_equal(dump_now(UINT64_MAX), "");
}

static void without_memory_it_says_so_and_goes_on(void **state)
{
    (void)state;
    free(trace_ring.events);
    memset(&trace_ring, 0, sizeof(trace_ring));
    has_memory = false;
    trace_start_core();
    trace_event(TRACE_USER, 1, 2);
    assert_true(host_log_has("warning: trace: no memory"));
    assert_string_equal(dump_now(UINT64_MAX), "");
}

static void a_ring_has_a_power_of_two_events_at_least_as_many_as_wanted(void **state)
{
    (void)state;
    static const struct {
        uint64_t wanted, made;
    } sizes[] = {{128, 128}, {129, 256}, {1000, 1024}, {1024, 1024}, {1025, 2048}};
    assert_int_equal(trace_ring.mask_bytes + 1, RING_EVENTS * sizeof(struct trace_event));
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        free(trace_ring.events);
        option_events = sizes[i].wanted;
        trace_start_core();
        assert_int_equal(trace_ring.mask_bytes + 1, sizes[i].made * sizeof(struct trace_event));
        assert_int_equal(pages_given * PAGE_BYTES, trace_ring.mask_bytes + 1);
    }
}

static void events_come_out_in_order(void **state)
{
    (void)state;
    uint64_t a[RING_EVENTS];
    for (unsigned i = 0; i < 50; i++)
        trace_event(TRACE_USER, i, 0);
    dump_now(UINT64_MAX);
    assert_int_equal(users_in_dump(a, RING_EVENTS), 50);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(a[i], i);
}

static void the_last_events_stay(void **state)
{
    (void)state;
    uint64_t a[RING_EVENTS];
    for (unsigned total = 1; total < 5 * RING_EVENTS; total++) {
        trace_event(TRACE_USER, total, 0);
        unsigned expected = total < RING_EVENTS ? total : RING_EVENTS;
        dump_now(UINT64_MAX);
        assert_int_equal(users_in_dump(a, RING_EVENTS), expected);
        for (unsigned i = 0; i < expected; i++)
            assert_int_equal(a[i], total - expected + 1 + i);
    }
    dump_now(7);
    assert_int_equal(users_in_dump(a, RING_EVENTS), 7);
    assert_int_equal(a[0], 5 * RING_EVENTS - 7);
}

// Each line that is written brings new events: most of the old ones are overwritten before their
// turn.
static void what_is_overwritten_meanwhile_is_left_out(void **state)
{
    (void)state;
    uint64_t a[RING_EVENTS];
    for (unsigned i = 0; i < RING_EVENTS; i++)
        trace_event(TRACE_USER, i, 0);
    busy_ring = &trace_ring;
    for (unsigned i = 0; i < 10; i++) // the first ten are gone before the dump looks
        trace_event(TRACE_USER, RING_EVENTS + i, 0);
    dump_now(UINT64_MAX);
    unsigned count = users_in_dump(a, RING_EVENTS);
    assert_true(count > 0 && count < RING_EVENTS);
    for (unsigned i = 1; i < count; i++)
        assert_true(a[i] > a[i - 1] && a[i] < RING_EVENTS + 10);
}

static void each_kind_has_its_words(void **state)
{
    (void)state;
    char name[] = "net loop\x01 and more than fits";
    trace_switch(name);
    trace_event(TRACE_SEND, 3, 0xabc0);
    trace_event(TRACE_TAKE, 2, 0xdef0);
    trace_event(TRACE_INTERRUPT, 253, 0);
    trace_event(TRACE_QUEUE, 1, 17);
    trace_event(TRACE_TIMER, 0x1000, 5000);
    trace_event(TRACE_TIMER, 0x2000, 5000);
    trace_event(TRACE_USER, 18446744073709551615ull, 4);
    trace_event(TRACE_KINDS, 1, 1); // as of a core that was stopped in the middle
    static const char *const words[] = {"switch net loop? and mo",
                                        "send 3 abc0",
                                        "take 2 def0",
                                        "interrupt 253",
                                        "queue 1 17",
                                        "timer timer_wakes 5000",
                                        "timer 2000 5000",
                                        "user 18446744073709551615 4"};
    for (unsigned i = 0; i < 8; i++)
        trace_ring.events[i].tsc_low = 7 + i, trace_ring.events[i].tsc_high = 0;
    trace_ring.events[7].tsc_high = 1;
    const char *line = dump_now(UINT64_MAX);
    for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected), "trace: 1 %llu %s\n",
                 i < 7 ? 7ull + i : (1ull << 32) + 14, words[i]);
        assert_memory_equal(line, expected, strlen(expected));
        line += strlen(expected);
    }
    assert_string_equal(line, "");
}

static void times_do_not_go_back(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (unsigned i = 0; i < RING_EVENTS; i++)
        trace_event(TRACE_USER, i, 0);
    for (unsigned i = 0; i < RING_EVENTS; i++) {
        const struct trace_event *event = &trace_ring.events[i];
        uint64_t tsc = (uint64_t)event->tsc_high << 32 | event->tsc_low;
        assert_true(tsc > last);
        last = tsc;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_kept_unless_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_it_says_so_and_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(a_ring_has_a_power_of_two_events_at_least_as_many_as_wanted,
                                        begin, end),
        cmocka_unit_test_setup_teardown(events_come_out_in_order, begin, end),
        cmocka_unit_test_setup_teardown(the_last_events_stay, begin, end),
        cmocka_unit_test_setup_teardown(what_is_overwritten_meanwhile_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(each_kind_has_its_words, begin, end),
        cmocka_unit_test_setup_teardown(times_do_not_go_back, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
