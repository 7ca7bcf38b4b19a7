// SPDX-License-Identifier: MIT
// The driver of the entropy device, against the fake device.
#include "host.h"

#include <string.h>

#include "kernel/random.h"
#include "virtio_fixture.h"

static uint8_t entropy[64];
static size_t entropy_bytes;
static bool is_strong;

bool random_is_strong(void)
{
    return is_strong;
}
void random_seed(const void *data, size_t size_bytes)
{
    assert_true(size_bytes <= sizeof(entropy));
    memcpy(entropy, data, size_bytes);
    entropy_bytes = size_bytes;
}

static void start_afresh(uint64_t offered)
{
    prepare(VIRTIO_TYPE_RNG, offered);
    entropy_bytes = 0;
}

static void answer(void)
{
    struct fake_chain chain;
    if (!fake_queue_pop(&fake.queues[0], &chain))
        return;
    assert_int_equal(chain.writable_bytes, 64);
    memset(chain.buffers[0].data, 0x77, 40);
    fake_queue_write_used(&fake.queues[0], chain.id, 40);
    fake_device_complete(&fake, 0);
}

static void lie(void)
{
    struct fake_chain chain;
    assert_true(fake_queue_pop(&fake.queues[0], &chain));
    fake_queue_write_used(&fake.queues[0], chain.id, 65);
    fake_device_complete(&fake, 0);
}

static void test_rng(void **state)
{
    (void)state;
    start_afresh(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_EVENT_IDX));
    sleeping = answer;
    assert_int_equal(virtio_device_start(&device, &virtio_rng_driver), 0);
    assert_true(host_log_has("virtio: rng at 00:02.0: 40 bytes of entropy"));
    assert_int_equal(entropy_bytes, 40);
    assert_int_equal(entropy[39], 0x77);
    for (int i = 0; i < 3; i++) { // again, minutes later
        entropy_bytes = 0;
        expire_timer();
        answer();
        assert_int_equal(entropy_bytes, 0);
        expire_timer();
        assert_int_equal(entropy_bytes, 40);
    }
    virtio_rng_driver.undo(&device);
}

static void test_rng_silent(void **state)
{
    (void)state;
    start_afresh(BIT(VIRTIO_F_VERSION_1));
    sleeping = NULL;
    uint64_t before_ns = now_ns;
    assert_int_equal(virtio_device_start(&device, &virtio_rng_driver), 0);
    assert_true(now_ns - before_ns <= 101 * NS_PER_MS); // boot goes on
    assert_true(host_log_has("no entropy within 100 ms"));
    expire_timer();
    assert_int_equal(fake.queues[0].available->index, 1); // not asked twice
    answer();
    expire_timer();
    assert_int_equal(entropy_bytes, 40);
    virtio_rng_driver.undo(&device);
}

// The boot waits for the device only when nothing else seeded the generator.
static void test_rng_not_needed(void **state)
{
    (void)state;
    start_afresh(BIT(VIRTIO_F_VERSION_1));
    sleeping = NULL;
    is_strong = true;
    entropy_bytes = 0;
    uint64_t before_ns = now_ns;
    assert_int_equal(virtio_device_start(&device, &virtio_rng_driver), 0);
    is_strong = false;
    assert_true(now_ns == before_ns);
    answer();
    expire_timer();
    assert_int_equal(entropy_bytes, 40);
    virtio_rng_driver.undo(&device);
}

static void test_rng_hostile(void **state)
{
    (void)state;
    start_afresh(BIT(VIRTIO_F_VERSION_1));
    sleeping = lie;
    assert_int_equal(virtio_device_start(&device, &virtio_rng_driver), 0);
    assert_true(fake.is_shut_off);
    assert_true(host_log_has("rng at 00:02.0 is shut off: queue: used length is larger than the "
                             "buffers: 65"));
    assert_null(pending_timer);
    assert_int_equal(entropy_bytes, 0);
    virtio_rng_driver.undo(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng),
        cmocka_unit_test(test_rng_silent),
        cmocka_unit_test(test_rng_hostile),
        cmocka_unit_test(test_rng_not_needed),
    };
    return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
