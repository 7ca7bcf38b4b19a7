// SPDX-License-Identifier: MIT
// The generator, included whole so that its block function can be held against the RFC.
#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kernel/random.c"

PERCORE unsigned core_this_index;

static uint64_t tsc;
static bool has_rdrand, has_rdseed;
static uint64_t cpu_word, cpu_word_step;
static int cpu_words_left;

uint64_t cpu_read_tsc(void)
{
    return tsc;
}
bool cpu_has_rdrand(void)
{
    return has_rdrand;
}
bool cpu_has_rdseed(void)
{
    return has_rdseed;
}
bool cpu_rdrand64(uint64_t *out)
{
    assert_true(has_rdrand);
    *out = cpu_word += cpu_word_step;
    return cpu_words_left-- > 0;
}
bool cpu_rdseed64(uint64_t *out)
{
    assert_true(has_rdseed);
    *out = cpu_word += cpu_word_step;
    return cpu_words_left-- > 0;
}

static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    memset(&info, 0, sizeof(info));
    memset(&generator, 0, sizeof(generator));
    tsc = cpu_word = cpu_word_step = 0;
    has_rdrand = has_rdseed = false;
    cpu_words_left = 1000;
    core_this_index = 0;
    host_log_clear();
    return 0;
}

// RFC 8439, 2.3.2.
static void block_function_is_that_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    uint8_t key_bytes[32], out[64];
    uint32_t key[8];
    for (int i = 0; i < 32; i++)
        key_bytes[i] = (uint8_t)i;
    memcpy(key, key_bytes, sizeof(key));
    chacha20_block(key, 1, (const uint32_t[3]){0x09000000, 0x4a000000, 0}, out);
    assert_memory_equal(out, expected, sizeof(out));
}

static void output_is_the_key_stream_and_erases_it(void **state)
{
    (void)state;
    info.entropy_bytes = 64;
    random_start(&info);
    uint32_t key[8];
    memcpy(key, generator.key, sizeof(key));
    uint8_t expected[REFILL_BYTES], got[REFILL_BYTES - 32], zeros[REFILL_BYTES] = {0};
    for (uint32_t i = 0; i < REFILL_BYTES / 64; i++)
        chacha20_block(key, i, (const uint32_t[3]){0, 0, 0}, expected + i * 64);
    random_bytes(got, 100); // in pieces or not makes no difference
    random_bytes(got + 100, sizeof(got) - 100);
    assert_memory_equal(got, expected + 32, sizeof(got));
    assert_memory_equal(generator.key, expected, 32); // the key that made it is gone
    assert_memory_equal(generator.bytes, zeros, REFILL_BYTES);

    uint8_t first[1000];
    random_bytes(first, sizeof(first)); // over several refills
    for (size_t i = 0; i + 16 <= sizeof(first); i++)
        assert_int_not_equal(memcmp(first + i, zeros, 16), 0);
    assert_int_equal(generator.left_bytes, 3 * (REFILL_BYTES - 32) - 1000);
}

static void strength_is_told(void **state)
{
    (void)state;
    static const struct {
        uint32_t entropy_bytes;
        bool rdrand, rdseed;
        uint64_t step;
        int words;
        bool strong;
    } cases[] = {
        {0, false, false, 1, 99, false}, {31, false, false, 1, 99, false},
        {32, false, false, 1, 99, true}, {0xFFFFFFFF, false, false, 1, 99, true},
        {0, true, false, 77, 99, true},  {0, false, true, 77, 99, true},
        {0, true, true, 0, 99, false},  // always the same number
        {0, true, false, 77, 3, false}, // dries up
        {0, true, true, 77, 4, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(NULL);
        info.entropy_bytes = cases[i].entropy_bytes;
        has_rdrand = cases[i].rdrand;
        has_rdseed = cases[i].rdseed;
        cpu_word_step = cases[i].step;
        cpu_words_left = cases[i].words;
        random_start(&info);
        assert_int_equal(random_is_strong(), cases[i].strong);
        assert_int_equal(host_log_has("keys made here can be guessed"), !cases[i].strong);
    }
}

static void weak_generator_becomes_strong(void **state)
{
    (void)state;
    uint8_t entropy[64] = {1, 2, 3};
    random_start(&info);
    random_add_entropy(entropy, sizeof(entropy));
    assert_false(random_is_strong());
    random_seed(entropy, 31);
    assert_false(random_is_strong());
    random_seed(entropy, 32);
    assert_true(random_is_strong());
}

static uint64_t first_output(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

// Every source, changed alone, changes the stream; nothing changed, nothing does.
static void each_source_counts(void **state)
{
    (void)state;
    uint64_t seen[7];
    for (int i = 0; i < 7; i++) {
        setup(NULL);
        info.entropy_bytes = 64;
        info.entropy[63] = i == 1;
        info.entry_tsc = i == 2;
        info.left_tsc = i == 3;
        tsc = i == 4;
        has_rdrand = i == 5;
        has_rdseed = i == 6;
        cpu_word_step = i == 5 ? 3 : 5;
        random_start(&info);
        seen[i] = first_output();
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
    setup(NULL);
    info.entropy_bytes = 64;
    random_start(&info);
    assert_true(first_output() == seen[0]);
}

static void stirring_changes_what_comes(void **state)
{
    (void)state;
    static const uint8_t entropy[100] = {9};
    uint64_t seen[6];
    static const size_t sizes[6] = {0, 1, 31, 32, 33, 100};
    for (int i = 0; i < 6; i++) {
        setup(NULL);
        random_start(&info);
        (void)random_u32(); // a part of the old stream is in store
        random_add_entropy(entropy, sizes[i]);
        seen[i] = first_output();
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
    setup(NULL);
    random_start(&info);
    uint8_t zeros[32] = {0};
    random_add_entropy(zeros, 32);
    random_add_entropy(zeros, 32); // does not undo itself
    uint64_t twice = first_output();
    setup(NULL);
    random_start(&info);
    assert_true(first_output() != twice);
}

static uint8_t core_streams[5][4096];

static void *other_core(void *argument)
{
    core_this_index = (unsigned)(uintptr_t)argument;
    random_start_core();
    random_bytes(core_streams[core_this_index], sizeof(core_streams[0]));
    return NULL;
}

static void cores_have_streams_of_their_own(void **state)
{
    (void)state;
    info.entropy_bytes = 64; // no CPU source, the clock stands still: only the core differs
    random_start(&info);
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, other_core, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    random_bytes(core_streams[0], sizeof(core_streams[0]));
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            for (size_t at = 0; at + 8 <= sizeof(core_streams[0]); at += 8)
                assert_int_not_equal(memcmp(core_streams[i] + at, core_streams[j] + at, 8), 0);

    random_seal();
    static const uint32_t nothing[8];
    assert_memory_equal(cores_key, nothing, sizeof(nothing));
    core_this_index = 1;
    if (!host_panicked()) {
        random_start_core();
        fail();
    }
}

static void bits_are_balanced(void **state)
{
    (void)state;
    random_start(&info);
    static uint8_t bytes[65536];
    size_t ones = 0, counts[256] = {0};
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ones += (size_t)__builtin_popcount(bytes[i]);
        counts[bytes[i]]++;
    }
    assert_in_range(ones, 262144 - 2000, 262144 + 2000);
    for (int i = 0; i < 256; i++)
        assert_in_range(counts[i], 256 - 90, 256 + 90);
}

static void use_before_start_is_a_bug(void **state)
{
    (void)state;
    if (!host_panicked()) {
        (void)random_u32();
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(block_function_is_that_of_the_rfc, setup),
        cmocka_unit_test_setup(output_is_the_key_stream_and_erases_it, setup),
        cmocka_unit_test_setup(strength_is_told, setup),
        cmocka_unit_test_setup(weak_generator_becomes_strong, setup),
        cmocka_unit_test_setup(each_source_counts, setup),
        cmocka_unit_test_setup(stirring_changes_what_comes, setup),
        cmocka_unit_test_setup(cores_have_streams_of_their_own, setup),
        cmocka_unit_test_setup(bits_are_balanced, setup),
        cmocka_unit_test_setup(use_before_start_is_a_bug, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
