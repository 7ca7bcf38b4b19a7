// SPDX-License-Identifier: MIT
// Samples become text. How they are taken, and what a tool makes of the text, is tested in
// tests/boot/test_profile.py.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/pages.h"
#include "kernel/profile.h"
#include "kernel/profile_ring.h"
#include "kernel/symbols.h"

#define RING_SAMPLES 8

PERCORE unsigned core_this_index;
unsigned core_slot_count = 2;
PERCORE struct profile_ring profile_ring;
unsigned profile_hz = 99;

// The image: functions at 0x100, 0x200, ...; each begins with what the test says.
char image_start[0x1000];
static char dump[65536];
static bool has_pages = true;
static struct profile_sample samples[RING_SAMPLES];
static struct profile_ring no_ring;

static const struct {
    uint32_t start;
    const char *name;
} functions[] = {{0x100, "loop"}, {0x200, "outer"}, {0x300, "inner"}, {0x400, "memcpy"}};

void symbols_each(void (*visit)(uint32_t start, const char *name, void *context), void *context)
{
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
        visit(functions[i].start, functions[i].name, context);
}

// Core 1 is this one, core 0 takes no samples.
const void *core_local_of(unsigned core, const void *variable)
{
    return core == 1 ? variable : &no_ring;
}

bool core_is_online(unsigned core)
{
    return core < 2;
}

void console_write(const char *text, size_t size_bytes)
{
    strncat(dump, text, size_bytes);
}

void console_let_read(void)
{
}

void *page_alloc(size_t count)
{
    return has_pages ? aligned_alloc(PAGE_BYTES, count * PAGE_BYTES) : NULL;
}

void page_free(void *pages, size_t count)
{
    (void)count;
    free(pages);
}

static int setup(void **state)
{
    (void)state;
    static bool is_first = true;
    dump[0] = '\0';
    host_log_clear();
    if (is_first) { // afterwards the ring goes on, as on a machine
        profile_ring = (struct profile_ring){.samples = samples, .mask = RING_SAMPLES - 1};
        for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
            image_start[functions[i].start] = 0x55; // push rbp
        is_first = false;
    }
    return 0;
}

// A sample whose places are given from the root on, ending with 0.
static struct profile_sample *take(const char *thread, const uint32_t *places)
{
    struct profile_sample *sample = &samples[profile_ring.next++ & profile_ring.mask];
    memset(sample, (int)profile_ring.next,
           sizeof(*sample)); // what was there before must not matter
    strncpy(sample->thread, thread, sizeof(sample->thread));
    sample->depth = 0;
    sample->is_cut = false;
    sample->stack_word = 0;
    while (places[sample->depth] != 0)
        sample->depth++;
    for (uint32_t i = 0; i < sample->depth; i++)
        sample->places[i] = places[sample->depth - 1 - i];
    return sample;
}
#define TAKE(thread, ...) take(thread, (const uint32_t[]){__VA_ARGS__, 0})

static void equal_stacks_are_one_line(void **state)
{
    (void)state;
    TAKE("main", 0x110, 0x220, 0x310);
    TAKE("main", 0x118, 0x220, 0x3ff); // the same functions elsewhere
    TAKE("main", 0x110, 0x220);
    strcpy(TAKE("a b;c", 0x110, 0x10)->thread + 6, "junk"); // behind the name's end
    TAKE("a b;c", 0x110, 0x20);
    profile_ring.halted = 7;
    profile_dump();
    assert_string_equal(dump, "profile: core1;a_b_c;loop;(unknown) 2\n"
                              "profile: core1;main;loop;outer 1\n"
                              "profile: core1;main;loop;outer;inner 2\n"
                              "profile: core 1: 5 samples at 99 Hz, 7 halted, 0 dropped\n");
}

static void only_what_is_new_is_shown(void **state)
{
    (void)state;
    TAKE("sixteen letters.", 0x200);
    profile_ring.halted = 10;
    profile_dump();
    assert_string_equal(dump, "profile: core1;sixteen_letters.;outer 1\n"
                              "profile: core 1: 1 samples at 99 Hz, 3 halted, 0 dropped\n");
}

static void what_was_written_over_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        TAKE("main", 0x200);
    profile_dump();
    // The oldest may be in the middle of being written over.
    assert_string_equal(dump, "profile: core1;main;outer 7\n"
                              "profile: core 1: 7 samples at 99 Hz, 0 halted, 13 dropped\n");
}

// Of a function without a frame the caller is on top of the stack, if a call lies before there.
static void hidden_callers_are_found(void **state)
{
    (void)state;
    image_start[0x400] = 0x48; // memcpy makes no frame
    image_start[0x350 - 5] = (char)0xe8;
    TAKE("main", 0x110, 0x220, 0x410)->stack_word = 0x350; // called from inner
    TAKE("main", 0x110, 0x220, 0x410)->stack_word = 0x360; // no call lies there
    TAKE("main", 0x110, 0x220, 0x200)->stack_word = 0x350; // at outer's first instruction
    TAKE("main", 0x110, 0x220, 0x208)->stack_word = 0x350; // it has a frame
    TAKE("main", 0x410)->stack_word = 3;                   // before any code
    profile_dump();
    assert_string_equal(dump, "profile: core1;main;memcpy 1\n"
                              "profile: core1;main;loop;outer;outer 1\n"
                              "profile: core1;main;loop;outer;memcpy 1\n"
                              "profile: core1;main;loop;outer;inner;outer 1\n"
                              "profile: core1;main;loop;outer;inner;memcpy 1\n"
                              "profile: core 1: 5 samples at 99 Hz, 0 halted, 0 dropped\n");
}

static void deep_stacks_say_so(void **state)
{
    (void)state;
    uint32_t places[PROFILE_PLACES + 1] = {0};
    for (size_t i = 0; i < PROFILE_PLACES; i++)
        places[i] = 0x200;
    places[PROFILE_PLACES - 1] = 0x410;
    take("main", places)->is_cut = true;
    take("main", places)->stack_word = 0x350; // room for it is made at the root
    profile_dump();
    const char *second = strchr(dump, '\n') + 1;
    assert_memory_equal(dump, "profile: core1;main;(deeper);outer;outer;", 41);
    assert_memory_equal(second, "profile: core1;main;(deeper);outer;outer;", 41);
    assert_non_null(strstr(dump, ";outer;memcpy 1\n"));
    assert_non_null(strstr(dump, ";outer;inner;memcpy 1\n"));
}

static void lack_of_memory_is_said(void **state)
{
    (void)state;
    TAKE("main", 0x200);
    has_pages = false;
    profile_dump();
    has_pages = true;
    assert_string_equal(dump, "");
    assert_true(host_log_has("warning: profile: no memory to sort what core 1 was at"));
    profile_dump(); // nothing is lost by it
    assert_non_null(strstr(dump, "profile: core 1: 1 samples"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equal_stacks_are_one_line, setup),
        cmocka_unit_test_setup(only_what_is_new_is_shown, setup),
        cmocka_unit_test_setup(what_was_written_over_is_counted, setup),
        cmocka_unit_test_setup(hidden_callers_are_found, setup),
        cmocka_unit_test_setup(deep_stacks_say_so, setup),
        cmocka_unit_test_setup(lack_of_memory_is_said, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
