// SPDX-License-Identifier: MIT
// Queues of both layouts with a device that obeys. One that does not: test_virtq_hostile.c.
#include "virtq_fixture.h"

#include <errno.h>

static void test_one_chain(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, 8, 0, true);
    struct fake_chain chain;
    struct virtq_used used;
    uint8_t out[10], in[20];
    struct virtq_buffer buffers[] = {{(uintptr_t)out, 10}, {(uintptr_t)in, 20}};
    assert_int_equal(virtq_add(&f.queue, buffers, 1, 1, token_of(7)), 0);
    assert_false(fake_queue_pop(&f.fake, &chain)); // not before it is published
    assert_false(virtq_needs_notify(&f.queue));
    virtq_publish(&f.queue);
    assert_true(virtq_needs_notify(&f.queue)); // the device waits for index 0
    assert_false(virtq_needs_notify(&f.queue));
    assert_true(fake_queue_pop(&f.fake, &chain));
    assert_int_equal(chain.readable, 1);
    assert_int_equal(chain.writable, 1);
    assert_ptr_equal(chain.buffers[0].data, out);
    assert_int_equal(chain.buffers[0].length, 10);
    assert_ptr_equal(chain.buffers[1].data, in);
    assert_int_equal(chain.buffers[1].length, 20);
    assert_false(virtq_has_used(&f.queue));
    assert_int_equal(virtq_take(&f.queue, &used), 0);
    fake_queue_write_used(&f.fake, chain.id, 20);
    assert_int_equal(virtq_take(&f.queue, &used), 0);
    fake_queue_show(&f.fake);
    assert_true(virtq_has_used(&f.queue));
    assert_int_equal(virtq_take(&f.queue, &used), 1);
    assert_int_equal(number_of(used.token), 7);
    assert_int_equal(used.length, 20);
    assert_int_equal(virtq_take(&f.queue, &used), 0);
    assert_int_equal(virtq_in_flight(&f.queue), 0);
    close_queue(&f);
}

static void test_full_queue(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, 4, 0, true);
    struct fake_chain chain;
    struct virtq_used used;
    assert_int_equal(add_one(&f, 0, 3, 0), 0);
    assert_int_equal(add_one(&f, 1, 2, 0), -ENOBUFS);
    assert_int_equal(add_one(&f, 1, 0, 1), 0);
    assert_int_equal(add_one(&f, 2, 1, 0), -ENOBUFS);
    virtq_publish(&f.queue);
    assert_true(fake_queue_pop(&f.fake, &chain));
    assert_int_equal(chain.readable, 3);
    fake_queue_write_used(&f.fake, chain.id, 0);
    fake_queue_show(&f.fake);
    assert_int_equal(virtq_take(&f.queue, &used), 1);
    assert_int_equal(number_of(used.token), 0);
    assert_int_equal(add_one(&f, 2, 3, 0), 0);
    assert_int_equal(add_one(&f, 3, 1, 0), -ENOBUFS);
    close_queue(&f);
}

static void test_indirect_only_where_it_pays(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, 4, 5, true);
    struct fake_chain chain;
    static const uint32_t totals[] = {1, 2, 3, 5};
    for (size_t i = 0; i < ARRAY_COUNT(totals); i++) {
        struct virtq_used used;
        assert_int_equal(add_one(&f, 0, totals[i] - 1, 1), 0);
        virtq_publish(&f.queue);
        assert_true(fake_queue_pop(&f.fake, &chain));
        assert_int_equal(chain.is_indirect, totals[i] > 2);
        assert_int_equal(chain.readable, totals[i] - 1);
        assert_int_equal(chain.buffers[totals[i] - 1].length, totals[i]);
        fake_queue_write_used(&f.fake, chain.id, totals[i]);
        fake_queue_show(&f.fake);
        assert_int_equal(virtq_take(&f.queue, &used), 1);
        assert_int_equal(used.length, totals[i]);
    }
    for (uint32_t i = 0; i < 4; i++) // four long chains in four descriptors
        assert_int_equal(add_one(&f, i, 5, 0), 0);
    assert_int_equal(add_one(&f, 4, 5, 0), -ENOBUFS);
    close_queue(&f);
}

// Random steps of both sides against a model: what the driver must get back, in order.
struct model {
    struct fixture f;
    uint32_t shape[4096][2]; // readable and writable buffers of a chain in flight, by number
    bool is_busy[4096];
    uint32_t next_number;
    struct fake_chain held[256]; // taken by the device, not used yet
    uint32_t held_count;
    struct {
        uint32_t number, length;
    } expected[256]; // used, not taken yet
    uint32_t expected_first, expected_count;
    uint32_t unpublished, taken;
    bool interrupt_armed, notify_armed;
};

static void driver_adds(struct model *m)
{
    uint32_t number = m->next_number % 4096;
    if (m->is_busy[number]) { // its chain is out still: the numbers went around
        m->next_number++;
        return;
    }
    uint32_t readable = (uint32_t)rand() % 4, writable = (uint32_t)rand() % 4;
    if (readable + writable == 0)
        return;
    uint16_t room = m->f.queue.free_count;
    uint32_t total = readable + writable;
    bool is_indirect = total > 2 && total <= m->f.queue.config.indirect_entries;
    uint32_t needed = is_indirect ? 1 : total;
    if (needed > m->f.queue.config.size)
        return;
    int result = add_one(&m->f, number, readable, writable);
    assert_int_equal(result, needed <= room ? 0 : -ENOBUFS);
    if (result != 0)
        return;
    m->is_busy[number] = true;
    m->shape[number][0] = readable;
    m->shape[number][1] = writable;
    m->next_number++;
    m->unpublished++;
}

static void driver_publishes(struct model *m)
{
    bool is_due = m->notify_armed && m->unpublished > 0;
    virtq_publish(&m->f.queue);
    bool needs = virtq_needs_notify(&m->f.queue);
    assert_int_equal(needs, is_due); // none too few, and none too many
    m->unpublished = 0;
    if (m->f.fake.event_index && needs) // without: until it says otherwise
        m->notify_armed = false;
}

static void driver_takes(struct model *m)
{
    struct virtq_used used;
    int got = virtq_take(&m->f.queue, &used);
    assert_int_equal(got, m->expected_count > 0);
    if (got == 0)
        return;
    uint32_t number = number_of(used.token);
    assert_int_equal(number, m->expected[m->expected_first].number);
    assert_int_equal(used.length, m->expected[m->expected_first].length);
    assert_true(m->is_busy[number]);
    m->is_busy[number] = false;
    m->expected_first = (m->expected_first + 1) % 256;
    m->expected_count--;
    m->taken++;
}

static void device_takes(struct model *m)
{
    struct fake_chain chain;
    while (m->held_count < 256 && fake_queue_pop(&m->f.fake, &chain))
        m->held[m->held_count++] = chain;
    m->notify_armed = rand() % 2;
    if (m->notify_armed)
        assert_false(fake_queue_ask_notify(&m->f.fake));
    else
        fake_queue_ignore_notify(&m->f.fake);
}

static void device_uses(struct model *m)
{
    uint32_t count = (uint32_t)rand() % 4;
    bool is_any = false;
    while (count-- > 0 && m->held_count > 0 && m->expected_count < 256) {
        uint32_t pick = (uint32_t)rand() % m->held_count; // in any order
        struct fake_chain chain = m->held[pick];
        m->held[pick] = m->held[--m->held_count];
        struct virtq_slot *slot = &m->f.queue.slots[chain.id];
        uint32_t number = number_of(slot->token);
        assert_int_equal(chain.readable, m->shape[number][0]);
        assert_int_equal(chain.writable, m->shape[number][1]);
        uint32_t length = chain.writable_bytes ? (uint32_t)rand() % (chain.writable_bytes + 1) : 0;
        // A device that tells what it read, where nothing was to be written, is no worse.
        uint32_t told = chain.writable_bytes == 0 && rand() % 2 ? 99 : length;
        fake_queue_write_used(&m->f.fake, chain.id, told);
        uint32_t at = (m->expected_first + m->expected_count++) % 256;
        m->expected[at].number = number;
        m->expected[at].length = length;
        is_any = true;
    }
    fake_queue_show(&m->f.fake);
    bool wants = fake_queue_wants_interrupt(&m->f.fake);
    if (is_any && m->interrupt_armed) {
        assert_true(wants);
        m->interrupt_armed = false;
    } else if (m->f.fake.event_index && layout == NULL) {
        // A packed ring's event comes around again after two laps if nobody takes it back.
        assert_false(wants);
    }
}

static void driver_arms(struct model *m)
{
    bool is_there = virtq_enable_interrupts(&m->f.queue);
    assert_int_equal(is_there, m->expected_count > 0);
    m->interrupt_armed = !is_there;
}

static void run_model(unsigned seed, uint16_t size, uint16_t indirect_entries, bool event_index,
                      uint32_t steps, uint32_t taken_least)
{
    struct model *m = calloc(1, sizeof(*m));
    srand(seed);
    open_queue(&m->f, size, indirect_entries, event_index);
    m->notify_armed = true; // a fresh ring asks for a notification at index 0
    for (uint32_t i = 0; i < steps; i++) {
        switch (rand() % 8) {
        case 0:
        case 1:
        case 2:
            driver_adds(m);
            break;
        case 3:
            driver_publishes(m);
            break;
        case 4:
            device_takes(m);
            break;
        case 5:
            device_uses(m);
            break;
        case 6:
            driver_takes(m);
            driver_takes(m);
            driver_takes(m);
            break;
        default:
            driver_arms(m);
        }
    }
    assert_null(virtq_broken(&m->f.queue, NULL));
    assert_true(m->taken >= taken_least);
    close_queue(&m->f);
    free(m);
}

static void test_random_with_event_index(void **state)
{
    (void)state;
    run_model(1, 16, 0, true, 700000, 66000); // indices wrap
    run_model(2, 64, 6, true, 400000, 66000);
    run_model(3, 256, 6, true, 50000, 8000);
    run_model(4, 4, 3, true, 50000, 1000);
    run_model(5, 2, 6, true, 50000, 1000);
}

static void test_random_with_flags(void **state)
{
    (void)state;
    run_model(6, 16, 0, false, 100000, 10000);
    run_model(7, 64, 6, false, 100000, 10000);
}

static void test_indices_wrap_in_large_queue(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, VIRTIO_QUEUE_SIZE_MAX, 0, true);
    struct fake_chain chain;
    struct virtq_used used;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++)
            assert_int_equal(add_one(&f, i, 0, 1), 0);
        assert_int_equal(add_one(&f, 0, 0, 1), -ENOBUFS);
        virtq_publish(&f.queue);
        while (fake_queue_pop(&f.fake, &chain))
            fake_queue_write_used(&f.fake, chain.id, 1);
        fake_queue_show(&f.fake);
        for (uint32_t i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++) {
            assert_int_equal(virtq_take(&f.queue, &used), 1);
            assert_int_equal(number_of(used.token), i);
        }
        assert_int_equal(virtq_take(&f.queue, &used), 0);
    }
    close_queue(&f);
}

static void test_no_interrupt_unless_asked(void **state)
{
    (void)state;
    for (int event_index = 0; event_index < 2; event_index++) {
        struct fixture f;
        open_queue(&f, 8, 0, event_index);
        struct fake_chain chain;
        struct virtq_used used;
        for (uint32_t i = 0; i < 100; i++) {
            assert_int_equal(add_one(&f, i, 0, 1), 0);
            virtq_publish(&f.queue);
            assert_true(fake_queue_pop(&f.fake, &chain));
            fake_queue_write_used(&f.fake, chain.id, 1);
            fake_queue_show(&f.fake);
            assert_false(fake_queue_wants_interrupt(&f.fake));
            assert_int_equal(virtq_take(&f.queue, &used), 1);
        }
        close_queue(&f);
    }
}

static void test_interrupt_after_several(void **state)
{
    (void)state;
    struct fixture f;
    open_queue(&f, 8, 0, true);
    struct fake_chain chain;
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(add_one(&f, i, 1, 0), 0);
    virtq_publish(&f.queue);
    assert_false(virtq_enable_interrupts_after(&f.queue, 3));
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(fake_queue_pop(&f.fake, &chain));
        fake_queue_write_used(&f.fake, chain.id, 0);
        fake_queue_show(&f.fake);
        assert_int_equal(fake_queue_wants_interrupt(&f.fake), i == 2);
    }
    assert_true(virtq_enable_interrupts_after(&f.queue, 6));
    close_queue(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPLIT(test_one_chain),
        IN_SPLIT(test_full_queue),
        IN_SPLIT(test_indirect_only_where_it_pays),
        IN_SPLIT(test_random_with_event_index),
        IN_SPLIT(test_random_with_flags),
        IN_SPLIT(test_indices_wrap_in_large_queue),
        IN_SPLIT(test_no_interrupt_unless_asked),
        IN_SPLIT(test_interrupt_after_several),
        IN_PACKED(test_one_chain),
        IN_PACKED(test_full_queue),
        IN_PACKED(test_indirect_only_where_it_pays),
        IN_PACKED(test_random_with_event_index),
        IN_PACKED(test_random_with_flags),
        IN_PACKED(test_no_interrupt_unless_asked),
        IN_PACKED(test_interrupt_after_several),
    };
    return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
