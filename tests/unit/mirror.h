// SPDX-License-Identifier: MIT
// A machine for tests of sockets: the kernel's own threads on the unedited TCP/IP stack. At the
// other end of the cable is a mirror: what is sent to 10.0.2.2 comes back as if 10.0.2.2 had sent
// it, so both ends of a connection are sockets of this machine. The mirror can lose frames, or all
// of them. For one test program: everything is static.
#pragma once

#include "fake_net_world.h"
#include "fake_switch.h"
#include "seeded.h"

#include <string.h>

#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"
#include "net/socket.h"

#include "lwip/priv/tcp_priv.h"

// ---- the mirror ---------------------------------------------------------------------------------

static unsigned loss_percent;
static unsigned resets_seen; // by the mirror

static bool mirror_poll(void *context)
{
    (void)context;
    struct world_frame frame;
    bool worked = false;
    while (world_take(&frame)) {
        uint8_t *ip = frame.bytes + 14, addresses[4];
        if (world_get16(frame.bytes + 12) == 0x0806 && frame.bytes[21] == 1) // who is 10.0.2.2?
            world_deliver(frame.bytes, world_arp_request(frame.bytes, WORLD_OWN_IP), false);
        if (world_get16(frame.bytes + 12) != 0x0800 || random_below(100) < loss_percent)
            continue;
        if (ip[9] == 6 && (ip[20 + 13] & WORLD_RST) != 0)
            resets_seen++;
        memcpy(frame.bytes, world_own_mac, 6);
        memcpy(frame.bytes + 6, world_peer_mac, 6);
        memcpy(addresses, ip + 12, 4);
        memcpy(ip + 12, ip + 16, 4);
        memcpy(ip + 16, addresses, 4);
        world_deliver(frame.bytes, frame.size_bytes, false);
        worked = true;
    }
    return worked;
}

static bool mirror_arm(void *context)
{
    return mirror_poll(context);
}

static struct poller mirror = {.name = "mirror", .poll = mirror_poll, .arm = mirror_arm};

static int start(void **state)
{
    (void)state;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(false);
    world_tx_room = 200; // of the queue; as much may be on the way to the mirror
    net_start();
    scheduler_add_poller(&mirror);
    uint8_t frame[WORLD_FRAME_MAX];
    world_deliver(frame, world_arp_request(frame, WORLD_OWN_IP), false);
    return 0;
}

// ---- one test: a thread, and at its end nothing is left -----------------------------------------

static void (*body)(void);

static uint64_t in_s(uint64_t seconds)
{
    return time_now_ns() + seconds * NS_PER_S;
}

static void run_body(void *argument)
{
    (void)argument;
    loss_percent = 0;
    body();
    loss_percent = 0;
    // Connections that were closed end by themselves: TIME-WAIT, resends.
    for (int i = 0; i < 100 && (tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL); i++)
        thread_sleep_until(in_s(10));
    thread_sleep_until(in_s(1)); // the last frames were sent
    assert_null(tcp_active_pcbs);
    assert_null(tcp_tw_pcbs);
    assert_null(tcp_bound_pcbs);
    assert_null(tcp_listen_pcbs.pcbs);
    assert_int_equal(world_buffers_out, 0);
    fake_switch_over = true;
}

static void run(void (*entry)(void))
{
    body = entry;
    random_state = 11;
    fake_switch_run(11, run_body, NULL);
}

static inline struct thread *start_thread(void (*entry)(void *), void *argument)
{
    struct thread_options options = {.joinable = true};
    struct thread *thread = thread_create_with_options("test", entry, argument, &options);
    assert_non_null(thread);
    return thread;
}

static inline void join(struct thread *thread)
{
    assert_int_equal(thread_join(thread, NULL, TIME_NEVER), 0);
}

static struct socket_address peer_at(uint16_t port)
{
    struct socket_address address = {.port = port};
    IP_ADDR4(&address.ip, 10, 0, 2, 2);
    return address;
}
