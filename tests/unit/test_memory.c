// SPDX-License-Identifier: MIT
// memcpy() of the kernel: every size and alignment, and not a byte around.
#include "host.h"

#include <string.h>

#include "seeded.h"

#define SIZE_MAX_TESTED 200
#define AROUND          16

void *tested_memcpy(void *to, const void *from, size_t size_bytes);

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes_and_alignments)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
