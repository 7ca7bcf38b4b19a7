// SPDX-License-Identifier: MIT
// memcpy() and memcmp() of the kernel: every size and alignment, and not a byte around.
#include "host.h"

#include <string.h>

#include "seeded.h"

#define SIZE_MAX_TESTED 200
#define AROUND          16

void *tested_memcpy(void *to, const void *from, size_t size_bytes);
int tested_memcmp(const void *a, const void *b, size_t size_bytes);

static void test_sizes_and_alignments(void **state)
{
    (void)state;
    static uint8_t from[SIZE_MAX_TESTED + 2 * AROUND], to[sizeof(from)], expected[sizeof(from)];
    random_state = 3;
    for (size_t i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)random_below(256);
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        for (size_t shift = 0; shift < 64; shift++) {
            size_t from_at = shift % 8, to_at = shift / 8;
            memset(to, 0xaa, sizeof(to));
            memset(expected, 0xaa, sizeof(expected));
            for (size_t i = 0; i < size; i++)
                expected[to_at + i] = from[from_at + i];
            assert_ptr_equal(tested_memcpy(to + to_at, from + from_at, size), to + to_at);
            assert_memory_equal(to, expected, sizeof(to));
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

// Each byte in turn is made to differ, up and down; bytes behind the end differ always.
static void test_compare(void **state)
{
    (void)state;
    uint8_t a[SIZE_MAX_TESTED + AROUND], b[sizeof(a)];
    random_state = 4;
    for (size_t size = 0; size <= 70; size++) {
        for (size_t shift = 0; shift < 64; shift++) {
            uint8_t *at_a = a + shift % 8, *at_b = b + shift / 8;
            memset(a, 1, sizeof(a));
            memset(b, 2, sizeof(b));
            for (size_t i = 0; i < size; i++)
                at_a[i] = at_b[i] = (uint8_t)random_below(256);
            assert_int_equal(tested_memcmp(at_a, at_b, size), 0);
            for (size_t i = 0; i < size; i++) {
                uint8_t was = at_a[i];
                at_a[i] = (uint8_t)(was + 1 + random_below(255));
                assert_int_equal(sign(tested_memcmp(at_a, at_b, size)), sign(at_a[i] - was));
                if (i + 1 < size)
                    at_b[i + 1] ^= 0xff; // the first difference decides
                assert_int_equal(sign(tested_memcmp(at_a, at_b, size)), sign(at_a[i] - was));
                if (i + 1 < size)
                    at_b[i + 1] ^= 0xff;
                at_a[i] = was;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes_and_alignments),
                                       cmocka_unit_test(test_compare)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
