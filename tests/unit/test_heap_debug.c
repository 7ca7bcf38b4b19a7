// SPDX-License-Identifier: MIT
// The heap's debug mode on the real page pool: who misused a block is named, and nobody else.
#include "heap_fixture.h"

#include "kernel/options.h"
#include "kernel/thread.h"

static const char *this_name;

const char *option_get(const char *name)
{
    return strcmp(name, "heap") == 0 ? "debug" : NULL;
}

const char *thread_name(const struct thread *thread)
{
    (void)thread;
    return this_name;
}

static int group_setup(void **state)
{
    (void)state;
    return heap_memory_start() ? 0 : -1;
}

// What rested in the queue of the test before keeps its memory; nobody asks for it any more.
static int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    this_name = "first";
    heap_start_core();
    return 0;
}

static void who_misused_a_block_is_named(void **state)
{
    (void)state;
    char *block = heap_alloc(100), *other = heap_alloc(100);
    assert_int_equal(heap_usable_bytes(block), 100);
    this_name = "second";
    heap_free(block);
    this_name = "third";
    EXPECT_REPORT(heap_free(block), "double free", "100 bytes", "allocated by \"first\"",
                  "freed by \"second\"", "noticed by \"third\"");
    other[100] = 0;
    EXPECT_REPORT(heap_free(other), "written past the end", "100 bytes", "allocated by \"first\"",
                  "noticed by \"third\"");
    char *under = heap_alloc(100);
    under[-1] = 0;
    EXPECT_REPORT(heap_free(under), "written to before its start");
    EXPECT_REPORT(heap_free(heap_alloc(5000) + 16), "is not a block of the heap");
    char *large = heap_alloc(100000);
    large[100015] = 0;
    EXPECT_REPORT(heap_free(large), "written past the end", "100000 bytes");
}

static void a_write_after_the_free_is_noticed(void **state)
{
    (void)state;
    char *block = heap_alloc(500);
    heap_free(block);
    block[300] = 1;
    this_name = "second";
    EXPECT_REPORT(for (unsigned i = 0; i < 5000; i++) heap_free(heap_alloc(i % 700)),
                  "use after free", "500 bytes", "freed by \"first\"", "noticed by \"second\"");
}

// What rests is used before memory is said to be out; and the mode finds nothing where nothing is.
static void right_use_is_quiet_and_all_comes_back(void **state)
{
    (void)state;
    static struct block blocks[250];
    for (unsigned operation = 0; operation < 20000; operation++) {
        struct block *block = &blocks[random_below(ARRAY_COUNT(blocks))];
        if (block_ends(block))
            continue;
        size_t alignment = block_begin(block, 4, operation);
        assert_non_null(block->bytes);
        assert_int_equal((uintptr_t)block->bytes % alignment, 0);
        assert_int_equal(heap_usable_bytes(block->bytes), block->size_bytes);
        memset(block->bytes, block->stamp, block->size_bytes);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(blocks); i++)
        heap_free(blocks[i].bytes);
    void *chain = NULL;
    unsigned count[2] = {0};
    for (unsigned round = 0; round < 2; round++) {
        for (void **block; (block = heap_alloc(2000)) != NULL; count[round]++) {
            *block = chain;
            chain = block;
        }
        while (chain != NULL) {
            void *next = *(void **)chain;
            heap_free(chain);
            chain = next;
        }
    }
    assert_true(count[0] > 1500);
    assert_in_range(count[1], count[0] - 32, count[0] + 32);
}

int main(void)
{
    fake_core_join(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_misused_a_block_is_named, setup),
        cmocka_unit_test_setup(a_write_after_the_free_is_noticed, setup),
        cmocka_unit_test_setup(right_use_is_quiet_and_all_comes_back, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
