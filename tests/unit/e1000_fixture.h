// SPDX-License-Identifier: MIT
// The fake card as the tests of its driver start it. Included once a program.
#pragma once

#include "host.h"

#include <errno.h>
#include <string.h>

#include "drivers/e1000.h"
#include "fake_driver.h"
#include "fake_e1000.h"

#define CHIP_82540 0x100e
#define CHIP_82574 0x10d3
#define RX_ROOM    255 // buffers that the card has when it has all

static const uint16_t chips[] = {CHIP_82540, CHIP_82574};

static inline void prepare(uint16_t chip)
{
    fake_e1000_init(chip);
    fake_driver_reset();
    absent_core = 1;
}

static inline struct net_device *start_prepared(void)
{
    struct net_device *before = last_net();
    assert_true(e1000_probe(&fake_e1000.pci));
    struct net_device *net = last_net();
    assert_ptr_not_equal(net, before);
    net->received = keep_frame;
    net->transmitted = keep_token;
    net->ops->flush(net);
    return net;
}

static inline struct net_device *start(uint16_t chip)
{
    prepare(chip);
    return start_prepared();
}

static uint8_t data[FAKE_E1000_FRAME_MAX + 4096];

static inline void receive(uint8_t fill, size_t size_bytes, uint32_t status)
{
    memset(data, fill, size_bytes);
    assert_true(fake_e1000_receive(data, size_bytes, status));
}

static inline int transmit(struct net_device *net, uint32_t segments, uint32_t bytes_each,
                           void *token)
{
    static uint8_t memory[NET_TX_SEGMENTS_MAX][1024];
    struct net_tx_frame frame = {.segment_count = segments, .token = token};
    for (uint32_t i = 0; i < segments; i++) {
        memset(memory[i], (int)i + 1, sizeof(memory[i]));
        frame.segments[i].data = memory[i];
        frame.segments[i].length = bytes_each;
    }
    return net->ops->transmit(net, &frame);
}

static inline void expect_shut_off(struct net_device *net, const char *line)
{
    assert_true(host_log_has(line));
    assert_false(fake_e1000.is_enabled);
    assert_null(pending_timer);
    assert_int_equal(transmit(net, 1, 100, &fake_e1000), -EIO);
    expect_silence(net);
}
