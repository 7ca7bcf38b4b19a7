// SPDX-License-Identifier: MIT
// Queues of both layouts with a device that breaks the contract: it is named, and no memory is
// lost.
#include "virtq_fixture.h"

#include <errno.h>

static void expect_broken(struct fixture *f, const char *reason, uint32_t value)
{
    struct virtq_used used;
    uint32_t found;
    assert_int_equal(virtq_take(&f->queue, &used), -EIO);
    assert_non_null(virtq_broken(&f->queue, &found));
    assert_string_equal(virtq_broken(&f->queue, NULL), reason);
    assert_int_equal(found, value);
    // and from then on nothing moves
    assert_int_equal(virtq_take(&f->queue, &used), -EIO);
    assert_int_equal(add_one(f, 0, 1, 0), -EIO);
    assert_false(virtq_needs_notify(&f->queue));
    assert_true(virtq_enable_interrupts(&f->queue));
    assert_true(virtq_has_used(&f->queue));
    assert_string_equal(virtq_broken(&f->queue, NULL), reason);
    close_queue(f);
}

// A queue of 8 with two chains of 3 writable bytes with the device.
static void open_hostile(struct fixture *f, struct fake_chain *chain)
{
    open_queue(f, 8, 0, true);
    assert_int_equal(add_one(f, 0, 0, 2), 0);
    assert_int_equal(add_one(f, 1, 0, 2), 0);
    virtq_publish(&f->queue);
    assert_true(virtq_needs_notify(&f->queue));
    assert_true(fake_queue_pop(&f->fake, chain));
}

// It says that it used `id`, while a third chain waits to be published.
static void expect_broken_by_id(uint32_t id, const char *reason)
{
    struct fixture f;
    struct fake_chain chain;
    open_hostile(&f, &chain);
    assert_int_equal(add_one(&f, 2, 1, 0), 0);
    fake_queue_write_used(&f.fake, id, 0);
    fake_queue_show(&f.fake);
    expect_broken(&f, reason, id);
}

static void test_hostile_ids(void **state)
{
    (void)state;
    static const uint32_t beyond[] = {8, 9, 0xffff, 0x10000, 0x80000000, UINT32_MAX};
    // Split: middle of a chain, free, not published yet. Packed: not published yet, free.
    static const uint32_t split[] = {1, 3, 5, 7, 4}, packed[] = {2, 7};
    bool is_packed = layout == &virtq_packed;
    for (size_t i = 0; i < ARRAY_COUNT(beyond); i++)
        if (!is_packed || beyond[i] <= UINT16_MAX)
            expect_broken_by_id(beyond[i], "used id is out of range");
    for (size_t i = 0; i < (is_packed ? ARRAY_COUNT(packed) : ARRAY_COUNT(split)); i++)
        expect_broken_by_id(is_packed ? packed[i] : split[i], "used id is not in flight");
}

static void test_hostile_same_id_twice(void **state)
{
    (void)state;
    struct fixture f;
    struct fake_chain chain;
    struct virtq_used used;
    open_hostile(&f, &chain);
    fake_queue_write_used(&f.fake, chain.id, 1);
    fake_queue_write_used(&f.fake, chain.id, 1);
    fake_queue_show(&f.fake);
    assert_int_equal(virtq_take(&f.queue, &used), 1);
    expect_broken(&f, "used id is not in flight", chain.id);
}

static void test_hostile_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {4, 0x10000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        struct fixture f;
        struct fake_chain chain;
        open_hostile(&f, &chain);
        fake_queue_write_used(&f.fake, chain.id, lengths[i]);
        fake_queue_show(&f.fake);
        expect_broken(&f, "used length is larger than the buffers", lengths[i]);
    }
}

static void test_hostile_index_jumps(void **state)
{
    (void)state;
    static const uint16_t indices[] = {3, 8, 9, 0x8000, 0xffff};
    for (size_t i = 0; i < ARRAY_COUNT(indices); i++) {
        struct fixture f;
        struct fake_chain chain;
        open_hostile(&f, &chain);
        f.fake.used->index = indices[i];
        expect_broken(&f, "used index is ahead of what is in flight", indices[i]);
    }
    struct fixture f; // also found while arming
    struct fake_chain chain;
    open_hostile(&f, &chain);
    f.fake.used->index = 3;
    assert_true(virtq_enable_interrupts(&f.queue));
    expect_broken(&f, "used index is ahead of what is in flight", 3);
}

static void test_descriptors_are_never_read_back(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, 8, 4, true);
    for (uint32_t round = 0; round < 50; round++) {
        struct fake_chain chains[4];
        struct virtq_used used;
        assert_int_equal(add_one(&f, 0, 2, 0), 0);
        assert_int_equal(add_one(&f, 1, 1, 3), 0);
        assert_int_equal(add_one(&f, 2, 3, 2), 0);
        virtq_publish(&f.queue);
        for (size_t i = 0; i < 3; i++)
            assert_true(fake_queue_pop(&f.fake, &chains[i]));
        for (uint32_t i = 0; i < 8; i++) // loops, wild addresses, wild flags
            f.queue.descriptors[i] =
                (struct virtio_descriptor){UINT64_MAX, UINT32_MAX, UINT16_MAX, (uint16_t)(i & 1)};
        for (uint32_t i = 0; i < 8; i++)
            f.queue.available->ring[i] = 0xeeee;
        for (size_t i = 3; i-- > 0;)
            fake_queue_write_used(&f.fake, chains[i].id, 0);
        fake_queue_show(&f.fake);
        for (uint32_t i = 3; i-- > 0;) {
            assert_int_equal(virtq_take(&f.queue, &used), 1);
            assert_int_equal(number_of(used.token), i);
        }
        assert_int_equal(f.queue.free_count, 8);
    }
    close_queue(&f);
}

// Any bytes in what the device may write: each token comes back at most once, or the queue breaks.
// `scribble` is what the device does in a step.
static void survive(void (*scribble)(struct fixture *f))
{
    uint32_t broken = 0, answers = 0;
    for (unsigned seed = 0; seed < 3000; seed++) {
        struct fixture f;
        bool is_out[64] = {0};
        srand(seed);
        open_queue(&f, 16, seed % 2 ? 4 : 0, seed % 3);
        for (uint32_t step = 0; step < 60; step++) {
            uint32_t number = (uint32_t)rand() % 64;
            if (!is_out[number] && add_one(&f, number, rand() % 3, 1 + rand() % 2) == 0)
                is_out[number] = true;
            virtq_publish(&f.queue);
            answers += virtq_needs_notify(&f.queue);
            scribble(&f);
            struct virtq_used used;
            while (virtq_take(&f.queue, &used) > 0) {
                assert_true(number_of(used.token) < 64 && is_out[number_of(used.token)]);
                is_out[number_of(used.token)] = false;
            }
            answers += virtq_enable_interrupts_after(&f.queue, (uint16_t)(1 + rand() % 3));
            assert_true(virtq_room(&f.queue) <= 16 && virtq_in_flight(&f.queue) <= 16);
        }
        broken += virtq_broken(&f.queue, NULL) != NULL;
        void *token; // and what is left comes back, once
        while ((token = virtq_reclaim(&f.queue)) != NULL) {
            assert_true(is_out[number_of(token)]);
            is_out[number_of(token)] = false;
        }
        for (size_t i = 0; i < 64; i++)
            assert_false(is_out[i]);
        close_queue(&f);
    }
    assert_true(broken > 1000 && broken <= 3000 && answers > 0);
}

static void split_scribble(struct fixture *f)
{
    if (rand() % 3 != 0)
        return;
    struct virtio_used_element *element = &f->fake.used->ring[rand() % 16];
    element->id = (uint32_t)(rand() % 8 ? rand() % 16 : rand());
    element->length = (uint32_t)(rand() % 8 ? rand() % 3 : rand());
    f->fake.used->index = (uint16_t)(rand() % 50 ? f->fake.used->index + rand() % 2 : rand());
}

static void packed_scribble(struct fixture *f)
{
    *f->fake.packed.device_event = (uint32_t)rand();
    struct virtio_packed_descriptor *any = &f->fake.packed.ring[rand() % 16];
    if (rand() % 3 != 0)
        return;
    any->id = (uint16_t)(rand() % 8 ? rand() % 16 : rand());
    any->length = (uint32_t)(rand() % 8 ? rand() % 3 : rand());
    any->address_phys = (uint64_t)rand();
    any->flags = (uint16_t)(rand() % 2 ? 0x8080 : rand());
}

static void test_hostile_random(void **state)
{
    (void)state;
    if (layout == &virtq_packed)
        survive(packed_scribble);
    else
        survive(split_scribble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPLIT(test_hostile_ids),
        IN_SPLIT(test_hostile_same_id_twice),
        IN_SPLIT(test_hostile_length),
        IN_SPLIT(test_hostile_index_jumps),
        IN_SPLIT(test_descriptors_are_never_read_back),
        IN_SPLIT(test_hostile_random),
        IN_PACKED(test_hostile_same_id_twice),
        IN_PACKED(test_hostile_length),
        IN_PACKED(test_hostile_ids),
        IN_PACKED(test_hostile_random),
    };
    return cmocka_run_group_tests_name("virtq_hostile", tests, NULL, NULL);
}
