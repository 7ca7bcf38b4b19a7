// SPDX-License-Identifier: MIT
// A stack with large segments, an app at port 80 of it, and a stream that one of both sends. For
// one test program: everything is static.
#pragma once

#include "fake_net_world.h"

#include "net/net.h"

#include "lwip/tcp.h"

#define MSS          1460
#define STREAM_BYTES (1024 * 1024)

static uint8_t stream[STREAM_BYTES]; // memory that lasts
static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame sent;

static err_t app_accepted(void *argument, struct tcp_pcb *pcb, err_t error);

static int start(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < STREAM_BYTES; i++)
        stream[i] = (uint8_t)(i * 2654435761u >> 24 ^ i);
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(true);
    world_device.tso4 = world_device.tso6 = true;
    net_start();
    world_turn();
    world_drop_sent();
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 80), ERR_OK);
    tcp_accept(tcp_listen(pcb), app_accepted);
    return 0;
}
