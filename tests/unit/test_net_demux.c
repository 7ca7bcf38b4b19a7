// SPDX-License-Identifier: MIT
// The table of connections against a plain array: found, not found, in TIME-WAIT, freed, at any
// size.
#include "fake_net_world.h"

#include <stdlib.h>
#include <string.h>

#include "net/arch/cc.h"
#include "net/demux.h"
#include "net/half_open.h"
#include "seeded.h"

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"

#define CONNECTIONS_MAX 3000

static bool heap_fails;
void *heap_alloc_zeroed(size_t size_bytes)
{
    return heap_fails ? NULL : calloc(1, size_bytes);
}

static struct tcp_pcb *connections[CONNECTIONS_MAX];
static unsigned connection_count;

static void set_up_ends(struct tcp_pcb *pcb, uint32_t address, uint16_t remote_port,
                        uint16_t local_port)
{
    IP_ADDR4(&pcb->local_ip, 10, 0, 2, 15);
    ip_addr_set_ip4_u32(&pcb->remote_ip, address);
    pcb->remote_port = remote_port;
    pcb->local_port = local_port;
}

// Few values, so that ends differ in one part only, and now and then are the same.
static struct tcp_pcb *make(void)
{
    struct tcp_pcb *pcb = tcp_new();
    assert_non_null(pcb);
    set_up_ends(pcb, (uint32_t)random_below(16), (uint16_t)(1 + random_below(64)),
                (uint16_t)(1 + random_below(8)));
    pcb->state = ESTABLISHED;
    return pcb;
}

static bool same_ends(const struct tcp_pcb *a, const struct tcp_pcb *b)
{
    return a->remote_port == b->remote_port && a->local_port == b->local_port &&
           ip_addr_cmp(&a->remote_ip, &b->remote_ip);
}

static struct tcp_pcb *expected(const struct tcp_pcb *wanted, bool in_time_wait)
{
    for (unsigned i = 0; i < connection_count; i++)
        if (same_ends(connections[i], wanted) &&
            (connections[i]->state == TIME_WAIT) == in_time_wait)
            return connections[i];
    return NULL;
}

static void look_up(const struct tcp_pcb *ends)
{
    struct tcp_pcb *active =
        *net_demux_active(&ends->remote_ip, ends->remote_port, &ends->local_ip, ends->local_port);
    assert_ptr_equal(active, expected(ends, false));
    if (active == NULL)
        assert_ptr_equal(*net_demux_time_wait(TCP_ACK, 0), expected(ends, true));
}

static void end(unsigned i)
{
    struct tcp_pcb *pcb = connections[i];
    connections[i] = connections[--connection_count];
    if (pcb->state == TIME_WAIT)
        tcp_pcb_remove(&tcp_tw_pcbs, pcb);
    else
        net_demux_drop(pcb);
    tcp_free(pcb);
}

static void test_random(void **state)
{
    (void)state;
    random_state = 7;
    for (unsigned round = 0; round < 30000; round++) {
        // Grows, then shrinks, then grows again.
        bool grows = round / 6000 % 2 == 0;
        struct tcp_pcb *pcb = make();
        look_up(pcb);
        if (random_below(10) < (grows ? 8 : 2) && connection_count < CONNECTIONS_MAX &&
            expected(pcb, false) == NULL && expected(pcb, true) == NULL) {
            net_demux_add(pcb);
            connections[connection_count++] = pcb;
        } else {
            tcp_free(pcb);
        }
        if (connection_count > 0 && random_below(10) < (grows ? 2 : 8)) {
            unsigned i = (unsigned)random_below(connection_count);
            if (connections[i]->state == ESTABLISHED && random_below(2) == 0) {
                net_demux_retire(connections[i]);
                connections[i]->state = TIME_WAIT;
                net_demux_to_time_wait(connections[i]);
            } else {
                end(i);
            }
        }
    }
    while (connection_count > 0)
        end(0);
    assert_null(tcp_active_pcbs);
    assert_null(tcp_tw_pcbs);
}

// A new connection between the ends of one in TIME-WAIT comes first.
static void test_reopened(void **state)
{
    (void)state;
    struct tcp_pcb *old = make(), *young = tcp_new();
    net_demux_add(old);
    net_demux_retire(old);
    old->state = TIME_WAIT;
    net_demux_to_time_wait(old);
    connections[connection_count++] = old;
    look_up(old);
    set_up_ends(young, ip_2_ip4(&old->remote_ip)->addr, old->remote_port, old->local_port);
    young->state = SYN_RCVD;
    net_demux_add(young);
    connections[connection_count++] = young;
    look_up(old);
    end(0); // lwIP forgets TIME-WAIT by itself
    look_up(young);
    end(0);
}

static struct tcp_pcb *time_wait_of(const struct tcp_pcb *pcb, uint8_t flags, uint32_t sequence)
{
    assert_null(
        *net_demux_active(&pcb->remote_ip, pcb->remote_port, &pcb->local_ip, pcb->local_port));
    return *net_demux_time_wait(flags, sequence);
}

// A SYN with numbers beyond those of the old connection ends its TIME-WAIT; nothing else does.
static void test_ended_by_a_new_one(void **state)
{
    (void)state;
    struct tcp_pcb *old = make(), *other = make();
    other->remote_port = 5000;
    old->rcv_nxt = other->rcv_nxt = 0xfffffff0;
    struct tcp_pcb *both[] = {old, other};
    for (unsigned i = 0; i < 2; i++) {
        net_demux_add(both[i]);
        net_demux_retire(both[i]);
        both[i]->state = TIME_WAIT;
        net_demux_to_time_wait(both[i]);
    }
    assert_ptr_equal(time_wait_of(old, TCP_ACK, 5), old);
    assert_ptr_equal(time_wait_of(old, TCP_SYN | TCP_ACK, 5), old);
    assert_ptr_equal(time_wait_of(old, TCP_SYN | TCP_RST, 5), old);
    assert_ptr_equal(time_wait_of(old, TCP_SYN, 0xfffffff0), old);
    assert_ptr_equal(time_wait_of(old, TCP_SYN, 0xffffff00), old);
    struct tcp_pcb ends = *old;
    assert_null(time_wait_of(&ends, TCP_SYN, 5)); // the numbers went round
    assert_null(time_wait_of(&ends, TCP_ACK, 5));
    assert_ptr_equal(time_wait_of(other, TCP_ACK, 5), other);
    assert_ptr_equal(tcp_tw_pcbs, other);
    assert_null(other->next);
    tcp_pcb_remove(&tcp_tw_pcbs, other);
    tcp_free(other);
}

// Without memory for a larger table connections are still found: lwIP walks its lists.
static void test_no_memory_to_grow(void **state)
{
    (void)state;
    random_state = 11;
    for (unsigned i = 0; i < 2000; i++) {
        struct tcp_pcb *pcb = tcp_new();
        set_up_ends(pcb, i, (uint16_t)(1 + i), 80);
        pcb->state = ESTABLISHED;
        heap_fails = i >= 100;
        net_demux_add(pcb);
        heap_fails = false;
        connections[connection_count++] = pcb;
    }
    for (unsigned i = 0; i < connection_count; i++) {
        struct tcp_pcb *pcb = connections[i];
        struct tcp_pcb *found =
            *net_demux_active(&pcb->remote_ip, pcb->remote_port, &pcb->local_ip, pcb->local_port);
        while (found != NULL && found != pcb)
            found = found->next;
        assert_ptr_equal(found, pcb);
    }
    while (connection_count > 0)
        end(connection_count - 1);
    assert_null(tcp_active_pcbs);
    // And once they are gone the table is all there is again.
    struct tcp_pcb *pcb = make();
    look_up(pcb);
    tcp_free(pcb);
}

// ---- half-open ones -----------------------------------------------------------------------------

static struct tcp_pcb_listen listener;

static struct tcp_pcb *begin(unsigned i)
{
    struct tcp_pcb *pcb = tcp_new();
    set_up_ends(pcb, i, (uint16_t)(1 + i), 80);
    pcb->state = SYN_RCVD;
    pcb->listener = &listener;
    listener.accepts_pending++;
    tcp_set_flags(pcb, TF_BACKLOGPEND);
    net_demux_add(pcb);
    return pcb;
}

static bool is_active(const struct tcp_pcb *wanted)
{
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb == wanted)
            return true;
    return false;
}

// Of those that are not confirmed the oldest one goes, however many there are.
static void test_flood(void **state)
{
    (void)state;
    static struct tcp_pcb *begun[NET_HALF_OPEN_MAX];
    uint64_t dropped = net_half_open_stats_of(0).dropped;
    for (unsigned i = 0; i < NET_HALF_OPEN_MAX; i++)
        begun[i] = begin(i);
    assert_int_equal(listener.accepts_pending, 0); // so lwIP lets in who comes
    assert_int_equal(net_half_open_stats_of(0).count, NET_HALF_OPEN_MAX);
    // The first and one in the middle are confirmed, another goes.
    net_half_open_remove(begun[0]);
    net_half_open_remove(begun[0]); // it is in no list any more
    net_half_open_remove(begun[5]);
    tcp_abandon(begun[2], 0);
    assert_int_equal(net_half_open_stats_of(0).count, NET_HALF_OPEN_MAX - 3);
    for (unsigned i = 0; i < 3; i++)
        begin(NET_HALF_OPEN_MAX + i);
    assert_int_equal(net_half_open_stats_of(0).dropped, dropped);
    begin(NET_HALF_OPEN_MAX + 3);
    assert_false(is_active(begun[1]));
    begin(NET_HALF_OPEN_MAX + 4);
    assert_false(is_active(begun[3]));
    assert_true(is_active(begun[0]) && is_active(begun[4]) && is_active(begun[5]));
    for (unsigned i = 5; i < 5 + 3 * NET_HALF_OPEN_MAX; i++)
        begin(NET_HALF_OPEN_MAX + i);
    assert_int_equal(net_half_open_stats_of(0).count, NET_HALF_OPEN_MAX);
    assert_int_equal(net_half_open_stats_of(0).dropped, dropped + 2 + 3 * NET_HALF_OPEN_MAX);
    assert_true(is_active(begun[0]) && is_active(begun[5]));
    while (tcp_active_pcbs != NULL)
        tcp_abandon(tcp_active_pcbs, 0);
    assert_int_equal(net_half_open_stats_of(0).count, 0);
}

int main(void)
{
    net_core_has_stack = true;
    lwip_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_reopened),
        cmocka_unit_test(test_ended_by_a_new_one),
        cmocka_unit_test(test_no_memory_to_grow),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests_name("net_demux", tests, NULL, NULL);
}
