// SPDX-License-Identifier: MIT
// The network: one TCP/IP stack (lwIP) a core, IPv4 and IPv6, on the core's own device. Apps use
// the sockets of net/socket.h from threads of that core, or lwIP's raw API ("lwip/tcp.h",
// "lwip/udp.h"), whose callbacks run in its loop and must not block. Nothing of either may cross
// cores. Who listens on IP_ANY_TYPE is reached by both families.
// Memory handed over without a copy (tcp_write() without TCP_WRITE_FLAG_COPY, PBUF_ROM, PBUF_REF)
// must stay as it is until it was sent and acknowledged; best is memory that never changes.
// Everything else that a pbuf holds is kept until the device is done with it.
#pragma once

#include "kernel/device.h"
#include "net/address.h"

// Starts this core's network on the first registered device: the addresses of options `ip` and
// `ip6`, else DHCP under the name of option `hostname` and what routers advertise. What cannot be
// used is logged, with what would be.
// Context: a thread, once, after the devices were found. Blocks: never; the address may come later.
void net_start(void);

// Runs prepare(argument, cores), each with a stack of its own under the same address, on as many
// other cores as the card has queues for, or option net_cores says; when all are prepared, spreads
// what comes in over them, all of a connection to the same core; then runs it on this one.
// prepare() listens, in the core's loop: it must not block, and any core may be asked by any
// client, so it does the same on each. What was opened before it may hear nothing more.
//
// Context: a thread of core 0, once. Blocks: until it is done. Returns: what prepare() returned on
// this core. Where other cores fail, the log says so, and this one serves alone.
int net_spread(int (*prepare)(void *argument, unsigned cores), void *argument) MUST_CHECK;

// The machine's name: option hostname, or what it has without. Returns: text that lasts.
const char *net_hostname(void);

// Waits until this machine has an address.
// Context: a thread of the core that called net_start(). Blocks: until `deadline_ns` at most.
// Returns: 0, -ENODEV when there is no network to wait for, or -ETIMEDOUT.
int net_wait_ready(uint64_t deadline_ns) MUST_CHECK;

#define NET_ADDRESS_TEXT_BYTES     16 // "255.255.255.255"
#define NET_ADDRESS_ANY_TEXT_BYTES 46 // of both families

// What the network is and did, at one moment, on all cores together. Counters only grow.
struct net_facts {
    unsigned cores; // that have a network
    bool present;   // there is a device; without one all else is empty
    bool link_up;
    bool by_dhcp;     // false: option ip
    bool has_address; // of IPv4
    char device[40];
    uint8_t mac[6];
    char address[NET_ADDRESS_TEXT_BYTES]; // "0.0.0.0" without one, the same below
    uint8_t prefix_bits;
    uint16_t mtu; // bytes that a packet of IPv4 has at most
    char gateway[NET_ADDRESS_TEXT_BYTES];
    char dns[NET_DNS_MAX][NET_ADDRESS_TEXT_BYTES];
    char address6[NET_ADDRESS_ANY_TEXT_BYTES]; // "" without one that is good beyond this link

    struct net_device_stats frames; // the device's counters
    uint64_t rx_copied;             // frames copied: an app held too many buffers, or bad pieces
    uint64_t rx_dropped;            // frames dropped above the device: too long, or no memory
    uint64_t tx_coalesced;          // frames copied because they were in too many pieces
    uint64_t tx_queue_full;         // frames the device's queue had no room for
    uint64_t tx_failed;             // frames that could not be sent
    uint32_t rx_buffers_held;       // receive buffers above the device now
    uint32_t tx_buffers_held;       // buffers being sent now

    uint64_t relayed;                // frames that went from core to core, received and sent ones
    uint64_t told_to_all;            // copies of received ones that every core had to hear
    uint32_t tcp_connections;        // that exist now, opening and closing ones included
    uint32_t tcp_time_wait;          // ended, remembered for a while
    uint64_t tcp_received, tcp_sent; // segments
    uint64_t udp_received, udp_sent; // datagrams
    uint64_t icmp_received, icmp_sent;
    uint64_t checksum_errors, length_errors, protocol_errors; // packets dropped for it, all layers
    uint64_t memory_errors; // packets dropped or put off without memory, all layers
};

// Context: a thread or the loop of a core that has a network. Returns: true if this one has.
bool net_facts(struct net_facts *out);
