// SPDX-License-Identifier: MIT
// Option vlan: tags on what is sent, where the device is told to sum, and deafness to other frames.
#include "fake_net_world.h"

#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "net/vlan.h"

#include "lwip/tcp.h"

static uint8_t frame[WORLD_FRAME_MAX], tagged[WORLD_FRAME_MAX];
static struct world_frame sent;

static void deliver(size_t size_bytes, unsigned id)
{
    memcpy(tagged, frame, 12);
    world_put16(tagged + 12, 0x8100);
    world_put16(tagged + 14, (uint16_t)(0xa000 | id)); // of some priority
    memcpy(tagged + 16, frame + 12, size_bytes - 12);
    world_deliver(tagged, size_bytes + 4, false);
    world_turn();
}

// Takes the next frame, which must carry the tag, and the tag off it.
static bool take(void)
{
    if (!world_take(&sent))
        return false;
    assert_int_equal(world_get32(sent.bytes + 12), 0x81000007);
    memmove(sent.bytes + 12, sent.bytes + 16, sent.size_bytes - 16);
    sent.size_bytes -= 4;
    return true;
}

static void what_it_sends_carries_the_tag(void **unused)
{
    (void)unused;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_set_option("vlan", "7");
    world_add_device(true);
    net_start();
    world_turn();
    assert_true(take());
    assert_int_equal(world_get16(sent.bytes + 12), 0x0806);
    while (take())
        ;
}

static void only_its_vlan_is_heard(void **unused)
{
    (void)unused;
    size_t size_bytes = world_arp_request(frame, WORLD_OWN_IP);
    deliver(size_bytes, 8);
    deliver(size_bytes, 0);
    world_deliver(frame, size_bytes, false);
    for (size_t cut = 0; cut < 18; cut++)
        world_deliver(tagged, cut, false);
    world_turn();
    assert_false(take());
    assert_int_equal(net_vlan_others_of(0, 0), 3 + 18);
    deliver(size_bytes, 7);
    assert_true(take());
    assert_int_equal(world_get16(sent.bytes + 20), 2);
    assert_memory_equal(sent.bytes, world_peer_mac, 6);
    assert_int_equal(world_buffers_out, 0);
}

static void checksums_are_where_they_belong(void **unused)
{
    (void)unused;
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, IP_ADDR_ANY, 80), ERR_OK);
    pcb = tcp_listen(pcb);
    struct world_tcp peer = {40000, 80, 1, 0, 60000};
    deliver(world_tcp_segment(frame, &peer, WORLD_SYN, NULL, 0), 7);
    assert_true(take());
    assert_true(sent.checksum_needed);
    assert_int_equal(sent.checksum_start, 14 + 4 + 20);
    assert_int_equal(world_get16(sent.bytes + 50), world_transport_checksum(sent.bytes, 16));
    tcp_close(pcb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_sends_carries_the_tag),
        cmocka_unit_test(only_its_vlan_is_heard),
        cmocka_unit_test(checksums_are_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
