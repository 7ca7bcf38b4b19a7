// SPDX-License-Identifier: MIT
// A small world around net/: a fake clock, loop, device and peer, all in one thread, so that a test
// decides what arrives and when, and reads every frame that was sent.
#pragma once

#include "host.h"

#include "kernel/device.h"

#ifndef WORLD_FRAME_MAX // a test of larger frames says so
#define WORLD_FRAME_MAX 2048
#endif

// Frames are kept in order; the test takes them with world_take().
struct world_frame {
    uint8_t bytes[WORLD_FRAME_MAX];
    size_t size_bytes;
    bool checksum_needed;
    uint16_t checksum_start, checksum_offset;
    uint16_t tso_mss, tso_headers_bytes;
    uint32_t segment_count;
};

extern struct net_device world_device;
extern uint64_t world_now_ns;
extern uint32_t world_tx_room;     // frames the device takes until it is full
extern bool world_hold_sent;       // sent frames are not given back until this is false
extern unsigned world_buffers_out; // receive buffers that were not given back
extern unsigned world_flushes;     // calls of flush()
extern unsigned world_arms;
extern unsigned world_wakeups;      // times a timer expired
extern uint32_t world_buffer_bytes; // size of one receive buffer: longer frames are chains

// Called after every turn: who answers what was sent. May be NULL.
extern void (*world_peer)(void);

void world_set_option(const char *key, const char *value);
// Puts the device in place: net_start() finds it.
void world_add_device(bool checksum_offload);

// Queues a frame for the next poll. Its bytes are copied into blocks of their exact size.
void world_deliver(const void *frame, size_t size_bytes, bool checksum_valid);
// Turns the loop until there is nothing to do now.
void world_turn(void);
// Lets time pass, turning the loop at each timer on the way.
void world_pass_ms(uint64_t milliseconds);
// Forgets timers and the loop's pollers, so that net_start() can be called again.
void world_restart(void);
// The next sent frame; false if there is none. With offload the checksum is filled in as a device
// would.
bool world_take(struct world_frame *frame);
void world_drop_sent(void);

// ---- frames by hand -----------------------------------------------------------------------------

#define WORLD_PEER_IP 0x0a000202u // 10.0.2.2
#define WORLD_OWN_IP  0x0a00020fu // 10.0.2.15
extern const uint8_t world_peer_mac[6], world_own_mac[6];

uint16_t world_get16(const uint8_t *at);
uint32_t world_get32(const uint8_t *at);
void world_put16(uint8_t *at, uint16_t value);
void world_put32(uint8_t *at, uint32_t value);
// Sum by the book, two bytes at a time. `start` continues another sum.
uint32_t world_sum(const uint8_t *bytes, size_t size_bytes, uint32_t start);
uint16_t world_fold(uint32_t sum);
// The TCP/UDP checksum an IPv4 frame should carry, its field taken as zero.
uint16_t world_transport_checksum(const uint8_t *frame, uint16_t field_offset);

// Writes Ethernet and IPv4 headers for `payload_bytes` bytes that follow them.
size_t world_ip_headers(uint8_t *frame, uint8_t protocol, uint32_t source, uint32_t destination,
                        size_t payload_bytes);
void world_ip_checksum(uint8_t *frame);
size_t world_arp_request(uint8_t *frame, uint32_t asked);
size_t world_ping(uint8_t *frame, uint16_t sequence, size_t data_bytes);
// UDP's header and data, the checksum still 0.
void world_udp_datagram(uint8_t *udp, uint16_t source_port, uint16_t port, const void *data,
                        size_t data_bytes);
size_t world_udp(uint8_t *frame, uint32_t source, uint16_t source_port, uint32_t destination,
                 uint16_t port, const void *data, size_t data_bytes);

struct world_tcp { // one peer's end of a connection
    uint16_t source_port, port;
    uint32_t sequence, acknowledged;
    uint16_t window;
};
#define WORLD_FIN 1
#define WORLD_SYN 2
#define WORLD_RST 4
#define WORLD_PSH 8
#define WORLD_ACK 16
size_t world_tcp_segment(uint8_t *frame, const struct world_tcp *tcp, uint8_t flags,
                         const void *data, size_t data_bytes);
// A DHCP server's message of `type` to this machine, which asked with `transaction`: an address for
// `lease_s` seconds, gateway 10.0.2.2, DNS server 10.0.2.3 and time server 10.0.2.4.
// In front of these come further options, the first of a kind being the one that counts.
extern uint8_t world_dhcp_more[64];
extern size_t world_dhcp_more_bytes;
#define WORLD_DHCP_OFFER 2
#define WORLD_DHCP_ACK   5
#define WORLD_DHCP_NAK   6
size_t world_dhcp(uint8_t *frame, uint8_t type, uint32_t transaction, uint32_t address,
                  uint32_t lease_s);
// The type of a DHCP message this machine sent (1 DISCOVER, 3 REQUEST), 0 if it is none.
uint8_t world_dhcp_type(const struct world_frame *frame);
// The value of a DHCP option in such a message, with its length, or NULL.
const uint8_t *world_dhcp_option(const struct world_frame *frame, uint8_t option, uint8_t *length);
uint32_t world_dhcp_transaction(const struct world_frame *frame);
// Teaches the stack the peer's hardware address.
void world_introduce_peer(void);
