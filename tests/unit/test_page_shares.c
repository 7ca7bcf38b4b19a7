// SPDX-License-Identifier: MIT
// Memory that changes its core: shares when the cores start, loans later.
#include "pages_fixture.h"

static void a_share_is_what_was_asked_for(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    struct page_share share = {0};
    page_pool_split(0, NULL, &share);
    assert_int_equal(share.run_count, 0);
    page_pool_split(PAGE_PIECE_BYTES - 1, NULL, &share);
    assert_int_equal(share.run_count, 0);
    assert_int_equal(page_stats_of(0).total_bytes, total);
    page_pool_split(3 * PAGE_PIECE_BYTES + 5, NULL, &share);
    assert_int_equal(share.run_count, 1);
    assert_int_equal(share.runs[0].page_count, 3 * PIECE_PAGES);
    assert_int_equal(share.runs[0].first_page % PIECE_PAGES, 0);
    assert_int_equal(page_stats_of(0).total_bytes, total - 3 * PAGE_PIECE_BYTES);
    assert_int_equal(page_stats_of(0).free_bytes, total - 3 * PAGE_PIECE_BYTES);
    if (!host_panicked()) {
        page_free((void *)(share.runs[0].first_page * PAGE_BYTES), 1); // the heir's by now
        fail();
    }
    // More than there is: all whole pieces, but no page of another piece.
    uint64_t taken = 0;
    share.run_count = 0;
    page_pool_split(UINT64_MAX, NULL, &share);
    for (unsigned i = 0; i < share.run_count; i++)
        taken += share.runs[i].page_count * PAGE_BYTES;
    assert_int_equal(taken % PAGE_PIECE_BYTES, 0);
    assert_int_equal(page_stats_of(0).total_bytes, total - 3 * PAGE_PIECE_BYTES - taken);
    assert_true(page_stats_of(0).total_bytes < PAGE_PIECE_BYTES);
    run_count();
}

static void a_share_comes_from_several_runs(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    // A taken page in every fourth piece.
    char *all = page_alloc(total / PAGE_BYTES);
    for (uint64_t page = 0; page < total / PAGE_BYTES; page++)
        if ((page_number(all) + page) % (4 * PIECE_PAGES) != 17)
            page_free(all + page * PAGE_BYTES, 1);
    uint64_t taken = 0;
    struct page_share share = {0};
    page_pool_split(10 * PAGE_PIECE_BYTES, NULL, &share);
    for (unsigned i = 0; i < share.run_count; i++)
        taken += share.runs[i].page_count * PAGE_BYTES;
    assert_int_equal(taken, 10 * PAGE_PIECE_BYTES);
    assert_true(share.run_count >= 4);
    run_count();
}

// A share can be asked for from a part of the memory, that of a NUMA node.
static void a_share_keeps_to_its_range(void **state)
{
    (void)state;
    start_whole();
    struct page_run within = {ARENA_FIRST + 3 * PIECE_PAGES + 7, 6 * PIECE_PAGES};
    struct page_share share = {0};
    page_pool_split(UINT64_MAX, &within, &share);
    assert_int_equal(share.run_count, 1);
    assert_int_equal(share.runs[0].first_page, ARENA_FIRST + 4 * PIECE_PAGES);
    assert_int_equal(share.runs[0].page_count, 5 * PIECE_PAGES);
    run_count();
    // What is left is added, from elsewhere.
    page_pool_split(2 * PAGE_PIECE_BYTES, NULL, &share);
    assert_in_range(share.run_count, 2, 3);
    struct page_run outside = {ARENA_FIRST + ARENA_PAGES, 10 * PIECE_PAGES};
    unsigned runs = share.run_count;
    page_pool_split(PAGE_PIECE_BYTES, &outside, &share);
    assert_int_equal(share.run_count, runs);
    run_count();
}

static unsigned shortages;
static size_t shortage_pages;

static void note_shortage(size_t page_count)
{
    shortages++;
    shortage_pages = page_count;
}

static void a_loan_leaves_a_reserve(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    struct page_run run;
    assert_false(page_pool_lend(SIZE_MAX / PAGE_BYTES, &run));
    assert_false(page_pool_lend((total - (total / 8)) / PAGE_BYTES + PIECE_PAGES, &run));
    assert_int_equal(page_stats_of(0).free_bytes, total);
    uint64_t lent = 0;
    while (page_pool_lend(1, &run)) {
        assert_int_equal(run.page_count, PIECE_PAGES);
        assert_int_equal(run.first_page % PIECE_PAGES, 0);
        lent += run.page_count * PAGE_BYTES;
        run_count();
    }
    assert_true(lent > total / 2);
    assert_int_equal(page_stats_of(0).free_bytes, total - lent);
    assert_int_equal(page_stats_of(0).total_bytes, total - lent);
    assert_true(total - lent >= RESERVE_BYTES);
    if (!host_panicked()) {
        page_free((void *)(run.first_page * PAGE_BYTES), 1); // no more ours
        fail();
    }
    // The last run comes back.
    struct page_share back = {{run}, 1};
    page_pool_adopt(&back);
    assert_int_equal(page_stats_of(0).free_bytes, total - lent + PAGE_PIECE_BYTES);
    run_count();
}

static void a_shortage_is_told(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    page_pool_on_shortage(note_shortage);
    shortages = 0;
    void *most = page_alloc((total - LOW_BYTES) / PAGE_BYTES);
    assert_int_equal(shortages, 0);
    assert_non_null(page_alloc(1));
    assert_int_equal(shortages, 1);
    assert_int_equal(shortage_pages, 1);
    assert_null(page_alloc(LOW_BYTES / PAGE_BYTES));
    assert_int_equal(shortages, 2);
    assert_int_equal(shortage_pages, LOW_BYTES / PAGE_BYTES);
    page_free(most, (total - LOW_BYTES) / PAGE_BYTES);
    assert_non_null(page_alloc(1));
    assert_int_equal(shortages, 2);
    page_pool_on_shortage(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_share_is_what_was_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_share_comes_from_several_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_share_keeps_to_its_range, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loan_leaves_a_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shortage_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
