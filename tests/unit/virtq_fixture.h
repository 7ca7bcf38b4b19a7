// SPDX-License-Identifier: MIT
// A virtqueue of either layout and the fake of its device. Included once a program.
#pragma once

#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "fake_virtio.h"
#include "virtio/virtq.h"

struct fixture {
    struct virtq queue;
    struct fake_queue fake;
    void *shared, *slots;
};

static const struct virtq_ops *layout; // of the queues that a test opens

static inline int use_packed(void **state)
{
    (void)state;
    layout = &virtq_packed;
    return 0;
}

static inline int use_split(void **state)
{
    (void)state;
    layout = NULL;
    return 0;
}

static void open_queue(struct fixture *f, uint16_t size, uint16_t indirect_entries,
                       bool event_index)
{
    struct virtq_config config = {size, indirect_entries, event_index, layout};
    // Sizes to the byte, so that the sanitizer sees every access beyond them.
    size_t shared_bytes = virtq_shared_bytes(&config);
    assert_int_equal(posix_memalign(&f->shared, 4096, shared_bytes), 0);
    memset(f->shared, 0, shared_bytes);
    f->slots = malloc(virtq_private_bytes(&config));
    memset(f->slots, 0xa5, virtq_private_bytes(&config));
    virtq_init(&f->queue, &config, f->shared, f->slots);
    (layout == &virtq_packed ? fake_queue_attach_packed : fake_queue_attach)(
        &f->fake, size, event_index, f->shared, f->queue.driver_area, f->queue.device_area);
}

static void close_queue(struct fixture *f)
{
    free(f->shared);
    free(f->slots);
}

// Tokens that say who they are.
static inline void *token_of(uint32_t number)
{
    return (void *)(uintptr_t)(number + 1);
}

static inline uint32_t number_of(void *token)
{
    return (uint32_t)((uintptr_t)token - 1);
}

static int add_one(struct fixture *f, uint32_t number, uint32_t readable, uint32_t writable)
{
    static uint8_t memory[FAKE_BUFFERS_MAX][64];
    struct virtq_buffer buffers[FAKE_BUFFERS_MAX];
    for (uint32_t i = 0; i < readable + writable; i++)
        buffers[i] = (struct virtq_buffer){(uintptr_t)memory[i], i + 1};
    if (readable == 0 && writable == 1) // the short way does the same
        return virtq_add_writable(&f->queue, buffers[0].phys, buffers[0].length, token_of(number));
    return virtq_add(&f->queue, buffers, readable, writable, token_of(number));
}

// Tests run with each layout.
#define IN_SPLIT(test) cmocka_unit_test_setup(test, use_split)
#define IN_PACKED(test)                                                                            \
    {                                                                                              \
        "packed: " #test, test, use_packed, NULL, NULL                                             \
    }
