// SPDX-License-Identifier: MIT
// Stacks built by hand, walked like a real one, and random ones that must not lead astray.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/backtrace.h"
#include "kernel/interrupts.h"
#include "kernel/paging.h"
#include "kernel/symbols.h"

#define WORDS 512

const char vector_return[16];

static _Alignas(16) uint64_t stack[WORDS];
static unsigned looks;

// Only the stack is mapped: a look anywhere else is found by the sanitizer or here.
bool paging_is_mapped(uintptr_t address)
{
    looks++;
    return address >= (uintptr_t)stack && address < (uintptr_t)(stack + WORDS);
}

const char *symbols_find(uintptr_t address, uintptr_t *offset)
{
    *offset = address & 0xff;
    return address >> 8 == 0x11 ? "function" : NULL;
}

// Code: a caller, whose calls are followed by these places, and three functions.
enum {
    AFTER_CALL = 16,
    AFTER_INDIRECT_CALL = 24,
    AFTER_OTHER_CALL = 32,
    AFTER_NO_CALL = 40,
    FRAMED = 64,
    FRAMELESS = 96,
    LATE = 128, // makes its frame on one of its two ways only
    CODE_BYTES = 160,
};
static uint8_t code[CODE_BYTES];

static uint64_t in_code(unsigned place)
{
    return (uintptr_t)code + place;
}

static void write_call(unsigned after, unsigned function)
{
    int32_t distance = (int32_t)function - (int32_t)after;
    code[after - 5] = 0xe8;
    memcpy(&code[after - 4], &distance, sizeof(distance));
}

static void write_code(unsigned called)
{
    static const uint8_t framed[] = {0x55, 0x48, 0x89, 0xe5, 0x90, 0x5d, 0xc3};
    static const uint8_t frameless[] = {0x90, 0x90, 0xc3};
    static const uint8_t late[] = {0x85, 0xff, 0x74, 0x06, 0x55, 0x48,
                                   0x89, 0xe5, 0x90, 0xc3, 0x90, 0xc3};
    memset(code, 0x90, sizeof(code));
    write_call(AFTER_CALL, called);
    code[AFTER_INDIRECT_CALL - 3] = 0xff; // call [rax + 8]
    code[AFTER_INDIRECT_CALL - 2] = 0x50;
    code[AFTER_INDIRECT_CALL - 1] = 0x08;
    write_call(AFTER_OTHER_CALL, 8);
    memcpy(&code[FRAMED], framed, sizeof(framed));
    memcpy(&code[FRAMELESS], frameless, sizeof(frameless));
    memcpy(&code[LATE], late, sizeof(late));
}

uintptr_t symbols_find_start(uintptr_t address)
{
    static const unsigned starts[] = {LATE, FRAMELESS, FRAMED, 8};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++)
        if (address >= in_code(starts[i]) && address < in_code(CODE_BYTES))
            return in_code(starts[i]);
    return 0;
}

static uint64_t at(unsigned word)
{
    return (uintptr_t)&stack[word];
}

static void frame(unsigned word, uint64_t caller_frame, uint64_t return_address)
{
    stack[word] = caller_frame;
    stack[word + 1] = return_address;
}

static int clear(void **state)
{
    (void)state;
    memset(stack, 0, sizeof(stack));
    return 0;
}

static void expect(const struct backtrace *trace, unsigned i, uint64_t address,
                   enum backtrace_kind kind)
{
    assert_true(i < trace->count);
    assert_int_equal(trace->places[i].address, address);
    assert_int_equal(trace->places[i].kind, kind);
}

static void frames_are_followed_to_the_first(void **state)
{
    (void)state;
    struct backtrace trace, callers;
    frame(10, at(20), 0x1100);
    frame(20, at(40), 0x1200);
    frame(40, 0, 0x1300);
    backtrace_take(&trace, 0x1000, at(10), at(5));
    assert_int_equal(trace.count, 4);
    expect(&trace, 0, 0x1000, BACKTRACE_PLACE);
    expect(&trace, 1, 0x1100, BACKTRACE_RETURN);
    expect(&trace, 3, 0x1300, BACKTRACE_RETURN);
    backtrace_take_callers(&callers, at(10));
    assert_int_equal(callers.count, 3);
    expect(&callers, 0, 0x1100, BACKTRACE_RETURN);
    assert_false(backtrace_equal(&trace, &callers));
    assert_true(backtrace_equal(&trace, &trace));
}

static void it_goes_through_an_interrupt(void **state)
{
    (void)state;
    struct backtrace trace;
    struct interrupt_frame saved = {.rip = 0x2000, .rbp = at(300), .rsp = at(290), .r14 = 0xbad};
    frame(10, at(20), 0x1100);
    frame(20, at(30), (uintptr_t)vector_return);
    memcpy(&stack[30], &saved, sizeof(saved));
    frame(300, 0, 0x2100);
    backtrace_take(&trace, 0x1000, at(10), at(5));
    assert_int_equal(trace.count, 5);
    expect(&trace, 2, (uintptr_t)vector_return, BACKTRACE_RETURN);
    expect(&trace, 3, 0x2000, BACKTRACE_INTERRUPTED);
    expect(&trace, 4, 0x2100, BACKTRACE_RETURN);

    // The interrupt's stack may lie above the one it came from.
    saved.rbp = at(3);
    saved.rsp = at(1);
    memcpy(&stack[30], &saved, sizeof(saved));
    frame(3, 0, 0x2200);
    backtrace_take(&trace, 0x1000, at(10), at(5));
    expect(&trace, 4, 0x2200, BACKTRACE_RETURN);
    // What it saved does not lie on the stack as a whole.
    frame(20, at(WORDS - 4), (uintptr_t)vector_return);
    backtrace_take(&trace, 0x1000, at(10), at(5));
    assert_int_equal(trace.count, 3);
}

// What is found at a place of a function when these lie on top of the stack: 0, if that is nothing
// but what the frames say.
static uint64_t found_at(unsigned place, unsigned top, unsigned below_top)
{
    struct backtrace trace;
    struct interrupt_frame saved = {.rip = in_code(place), .rbp = at(100), .rsp = at(90)};
    stack[90] = in_code(top);
    stack[91] = in_code(below_top);
    frame(10, at(30), (uintptr_t)vector_return);
    memcpy(&stack[30], &saved, sizeof(saved));
    frame(100, 0, 0x2100);
    backtrace_take(&trace, 0x1000, at(10), at(5));
    expect(&trace, 2, in_code(place), BACKTRACE_INTERRUPTED);
    expect(&trace, trace.count - 1, 0x2100, BACKTRACE_RETURN);
    if (trace.count == 4)
        return 0;
    assert_int_equal(trace.count, 5);
    assert_int_equal(trace.places[3].kind, BACKTRACE_RETURN);
    return trace.places[3].address - in_code(0);
}

static void who_has_no_frame_hides_no_caller(void **state)
{
    (void)state;
    write_code(FRAMED);
    // Before and after push rbp, with a frame, and at ret.
    assert_int_equal(found_at(FRAMED, AFTER_CALL, 0), AFTER_CALL);
    assert_int_equal(found_at(FRAMED + 1, 0, AFTER_CALL), AFTER_CALL);
    assert_int_equal(found_at(FRAMED + 4, AFTER_CALL, AFTER_CALL), 0);
    assert_int_equal(found_at(FRAMED + 5, AFTER_CALL, AFTER_CALL), 0);
    assert_int_equal(found_at(FRAMED + 6, AFTER_CALL, 0), AFTER_CALL);

    write_code(FRAMELESS);
    for (unsigned place = FRAMELESS; place < FRAMELESS + 3; place++) {
        assert_int_equal(found_at(place, AFTER_CALL, 0), AFTER_CALL);
        assert_int_equal(found_at(place, AFTER_INDIRECT_CALL, 0), AFTER_INDIRECT_CALL);
        assert_int_equal(found_at(place, AFTER_OTHER_CALL, 0), AFTER_OTHER_CALL); // and a jump
        assert_int_equal(found_at(place, AFTER_NO_CALL, 0), 0);
    }

    // The way without a frame lies behind the other.
    write_code(LATE);
    assert_int_equal(found_at(LATE + 2, AFTER_INDIRECT_CALL, 0), AFTER_INDIRECT_CALL);
    assert_int_equal(found_at(LATE + 4, AFTER_CALL, 0), AFTER_CALL);
    assert_int_equal(found_at(LATE + 5, 0, AFTER_CALL), AFTER_CALL);
    assert_int_equal(found_at(LATE + 8, AFTER_OTHER_CALL, 0), 0);
    assert_int_equal(found_at(LATE + 10, AFTER_CALL, 0), AFTER_CALL);
    assert_int_equal(found_at(LATE + 10, AFTER_INDIRECT_CALL, 0), 0);

    // It is also so where the walk begins; a stack that is not there is not read.
    struct backtrace trace;
    write_code(FRAMELESS);
    stack[90] = in_code(AFTER_CALL);
    backtrace_take(&trace, in_code(FRAMELESS), 0, at(90));
    assert_int_equal(trace.count, 2);
    expect(&trace, 1, in_code(AFTER_CALL), BACKTRACE_RETURN);
    const uint64_t wrong[] = {0, at(90) + 4, at(WORDS), at(WORDS - 1), UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        backtrace_take(&trace, in_code(FRAMELESS), 0, wrong[i]);
        assert_int_equal(trace.count, 1);
    }
}

static void what_is_no_frame_ends_it(void **state)
{
    (void)state;
    const uint64_t wrong[] = {0,
                              1,
                              at(10),
                              at(9),
                              at(20) + 4,
                              at(WORDS),
                              at(WORDS - 1),
                              UINT64_MAX - 7,
                              UINT64_MAX,
                              0x800000000000,
                              at(10) + (2u << 20)};
    struct backtrace trace;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        frame(10, wrong[i], 0x1100);
        backtrace_take(&trace, 0x1000, at(10), at(5));
        assert_int_equal(trace.count, 2);
        backtrace_take(&trace, 0x1000, wrong[i], at(10) + 16);
        assert_int_equal(trace.count, 1);
    }
}

static void loops_and_depth_are_bounded(void **state)
{
    (void)state;
    struct backtrace trace;
    for (unsigned i = 0; i < WORDS - 4; i += 2)
        frame(i, at(i + 2), 0x1100 + i);
    backtrace_take(&trace, 0x1000, at(0), at(0));
    assert_int_equal(trace.count, BACKTRACE_MAX);
    // An interrupt frame that leads back to itself.
    struct interrupt_frame saved = {.rip = 0x2000, .rbp = at(20), .rsp = at(15)};
    frame(20, at(30), (uintptr_t)vector_return);
    memcpy(&stack[30], &saved, sizeof(saved));
    backtrace_take(&trace, 0x1000, at(20), at(15));
    assert_int_equal(trace.count, BACKTRACE_MAX);
}

static void random_stacks_do_no_harm(void **state)
{
    (void)state;
    srand(1);
    write_code(LATE);
    struct backtrace trace;
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < WORDS; i++) {
            unsigned choice = (unsigned)rand() % 9;
            stack[i] = choice < 5    ? at((unsigned)rand() % WORDS)
                       : choice == 5 ? (uintptr_t)vector_return
                       : choice == 6 ? (uint64_t)rand() << 32 | (unsigned)rand()
                       : choice == 7 ? in_code((unsigned)rand() % CODE_BYTES)
                                     : 0;
        }
        looks = 0;
        backtrace_take(&trace, in_code((unsigned)rand() % CODE_BYTES), at((unsigned)rand() % WORDS),
                       at((unsigned)rand() % WORDS));
        assert_true(trace.count >= 1 && trace.count <= BACKTRACE_MAX);
        assert_true(looks <= 7 * BACKTRACE_MAX);
    }
}

static void a_line_names_the_caller_not_what_follows_it(void **state)
{
    (void)state;
    char line[BACKTRACE_LINE_BYTES];
    struct backtrace trace = {.count = 4,
                              .places = {{0x1100, BACKTRACE_PLACE},
                                         {0x1200, BACKTRACE_RETURN},
                                         {0x1100, BACKTRACE_RETURN},
                                         {0x1123, BACKTRACE_INTERRUPTED}}};
    backtrace_format(&trace, 0, line);
    assert_string_equal(line, "0000000000001100  function+0x0");
    backtrace_format(&trace, 1, line);
    assert_string_equal(line, "0000000000001200  function+0x100");
    backtrace_format(&trace, 2, line);
    assert_string_equal(line, "0000000000001100");
    backtrace_format(&trace, 3, line);
    assert_string_equal(line, "0000000000001123  function+0x23, interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_are_followed_to_the_first, clear),
        cmocka_unit_test_setup(it_goes_through_an_interrupt, clear),
        cmocka_unit_test_setup(who_has_no_frame_hides_no_caller, clear),
        cmocka_unit_test_setup(what_is_no_frame_ends_it, clear),
        cmocka_unit_test_setup(loops_and_depth_are_bounded, clear),
        cmocka_unit_test_setup(random_stacks_do_no_harm, clear),
        cmocka_unit_test_setup(a_line_names_the_caller_not_what_follows_it, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
