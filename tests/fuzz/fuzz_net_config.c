// SPDX-License-Identifier: MIT
// Who gives this machine addresses: DHCP and DHCPv6 servers, routers and neighbours, frame by frame
// into the whole stack, as lwIP and net/ read them. A network begins anew with each input.
//
// An input is a row of messages: a byte for the kind, one for the length, and so many bytes, to
// which what would be checked first (transaction, checksums, whose answer it is) is added.
#include "fake_net_world6.h"

#include <string.h>

#include "net/net.h"
#include "require.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/udp.h"

#define MESSAGES_MAX 24
#define DHCP_FIXED   236 // bytes in front of the options, and their cookie of four

// All that net/ keeps for a core; the linker puts it between this and tests/fuzz/percore_end.c.
static PERCORE uint64_t percore_begin = 1;
extern uint64_t percore_end;
static uint8_t percore_saved[1 << 16];

// Over the gaps between variables, too, which the sanitizer would name.
static void copy_percore(void *to, const void *from)
{
    size_t left = (size_t)((char *)&percore_end - (char *)&percore_begin);
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(left) : : "memory");
}

static uint8_t frame[WORLD_FRAME_MAX];
static uint32_t dhcp_transaction;
static uint8_t dhcp6_question[WORLD_FRAME_MAX];
static uint8_t dhcp6_id[64];
static size_t dhcp6_id_bytes;

// What the machine asked last: answers repeat some of it.
static void listen(void)
{
    static struct world_frame sent;
    while (world_take(&sent)) {
        const uint8_t *udp = sent.bytes + 54;
        if (world_dhcp_type(&sent) != 0)
            dhcp_transaction = world_dhcp_transaction(&sent);
        if (world_get16(sent.bytes + 12) != 0x86dd || sent.bytes[20] != 17 ||
            world_get16(udp + 2) != 547)
            continue;
        memcpy(dhcp6_question, udp + 8, 4);
        dhcp6_id_bytes = 4u + world_get16(udp + 8 + 6); // the client's comes first
        require(dhcp6_id_bytes <= sizeof(dhcp6_id));
        memcpy(dhcp6_id, udp + 8 + 4, dhcp6_id_bytes);
    }
}

// ---- messages -----------------------------------------------------------------------------------

// Options as they come, behind those without which nothing else is read.
static size_t dhcp(const uint8_t *data, size_t size_bytes)
{
    uint8_t message[DHCP_FIXED + 4 + 9 + 256] = {2, 1, 6};
    uint8_t *options = message + DHCP_FIXED + 4;
    world_put32(message + 4, dhcp_transaction);
    world_put32(message + 16, WORLD_OWN_IP);
    memcpy(message + 28, world_own_mac, 6);
    world_put32(message + DHCP_FIXED, 0x63825363);
    memcpy(options, "\65\1\2\66\4\12\0\2\2", 9); // an offer, by 10.0.2.2
    options[2] = size_bytes > 0 ? data[0] : 0;
    if (size_bytes > 0)
        memcpy(options + 9, data + 1, size_bytes - 1);
    size_t all = (size_t)(options + 9 - message) + (size_bytes > 0 ? size_bytes - 1 : 0);
    return world_udp(frame, WORLD_PEER_IP, 67, 0xffffffff, 68, message, all);
}

// The fixed part from the address on, where options may go on (52), and an acknowledgement.
static size_t dhcp_fixed(const uint8_t *data, size_t size_bytes)
{
    uint8_t message[DHCP_FIXED + 4 + 13] = {2, 1, 6};
    memcpy(message + 44, data, size_bytes < 192 ? size_bytes : 192);
    world_put32(message + 4, dhcp_transaction);
    world_put32(message + 16, size_bytes > 4 ? world_get32(data) : WORLD_OWN_IP);
    memcpy(message + 28, world_own_mac, 6);
    memcpy(message + DHCP_FIXED, "\143\202\123\143\65\1\5\66\4\12\0\2\2\64\1\3\377", 17);
    return world_udp(frame, WORLD_PEER_IP, 67, 0xffffffff, 68, message, sizeof(message));
}

static size_t dhcp6(const uint8_t *data, size_t size_bytes)
{
    uint8_t message[4 + sizeof(dhcp6_id) + 256];
    memcpy(message, dhcp6_question, 4);
    message[0] = size_bytes > 0 ? data[0] : 2;
    memcpy(message + 4, dhcp6_id, dhcp6_id_bytes);
    size_t at = 4 + dhcp6_id_bytes;
    if (size_bytes > 1)
        memcpy(message + at, data + 1, size_bytes - 1);
    at += size_bytes > 1 ? size_bytes - 1 : 0;
    return world_udp6(frame, world_router_link, 547, world_own_link, 546, message, at);
}

// ICMPv6 from the router: an advertisement, or of whatever type.
static size_t icmp6(const uint8_t *data, size_t size_bytes, uint8_t type)
{
    uint8_t message[4 + 256] = {type};
    if (type == 0 && size_bytes > 0)
        message[0] = data[0];
    memcpy(message + 4, data, size_bytes);
    return world_icmp6(frame, world_router_link, world_all_nodes, message, 4 + size_bytes);
}

static void deliver(uint8_t kind, const uint8_t *data, size_t size_bytes)
{
    size_t frame_bytes = 0;
    switch (kind & 7) {
    case 0:
        frame_bytes = dhcp(data, size_bytes);
        break;
    case 1:
        frame_bytes = dhcp_fixed(data, size_bytes);
        break;
    case 2:
        frame_bytes = dhcp6(data, size_bytes);
        break;
    case 3:
        frame_bytes = icmp6(data, size_bytes, 134);
        break;
    case 4:
        frame_bytes = icmp6(data, size_bytes, 0);
        break;
    case 5:
        frame_bytes = world_advertisement(frame, kind, size_bytes > 0 ? data[0] : 0);
        break;
    default:
        world_pass_ms(size_bytes * 16u);
        return;
    }
    world_buffer_bytes = kind & 8 ? 60 : WORLD_FRAME_MAX; // in one buffer or in several
    world_deliver(frame, frame_bytes, (kind & 16) != 0);
    world_turn();
}

// ---- a network ----------------------------------------------------------------------------------

static void begin(void)
{
    dhcp6_id_bytes = 0;
    memset(dhcp6_question, 0, sizeof(dhcp6_question));
    world_peer = listen;
    net_start();
    world_pass_ms(1500); // the link-local address is checked
}

// What it was told has taken effect only as far as it may.
static void check(void)
{
    const struct netif *netif = netif_default;
    struct net_facts facts;
    require(netif->mtu >= 576 && netif->mtu <= world_device.mtu);
    require(netif_mtu6(netif) >= 576 && netif_mtu6(netif) <= world_device.mtu); // DHCP may say so
    require(netif->hwaddr_len == 6 && memcmp(netif->hwaddr, world_own_mac, 6) == 0);
    require(net_facts(&facts) && facts.prefix_bits <= 32);
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
        require(IP_IS_V4(dns_getserver(i)) || IP_IS_V6(dns_getserver(i)));
}

static void end(void)
{
    struct netif *netif = netif_default;
    world_drop_sent();
    dhcp_stop(netif);
    dhcp_cleanup(netif);
    netif_set_status_callback(netif, NULL);
    netif_remove(netif);
    while (udp_pcbs != NULL)
        udp_remove(udp_pcbs);
    world_peer = NULL;
    world_restart();
    world_drop_sent();
    require(world_buffers_out == 0);
    copy_percore(&percore_begin, percore_saved);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    size_t size_bytes = (size_t)((char *)&percore_end - (char *)&percore_begin);
    require(size_bytes > 1000 && size_bytes <= sizeof(percore_saved));
    copy_percore(percore_saved, &percore_begin);
    world_set_option("ip6", "auto");
    world_add_device(false);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const uint8_t *last = data + size_bytes;
    host_log_clear();
    begin();
    for (int i = 0; i < MESSAGES_MAX && last - data >= 2; i++) {
        size_t length = data[1] < last - data - 2 ? data[1] : (size_t)(last - data - 2);
        deliver(data[0], data + 2, length);
        check();
        data += 2 + length;
    }
    world_pass_ms(5000);
    check();
    end();
    return 0;
}
