// SPDX-License-Identifier: MIT
// The contracts that drivers fill and the layers above use. A driver knows nothing of lwIP, the
// network layer nothing of virtio. Everything here belongs to one core: device.core; all calls are
// made on it, from its loop or threads, never from an interrupt handler.
#pragma once

#include "kernel/compiler.h"

// ---- network ------------------------------------------------------------------------------------

struct net_device;

// A received frame, or one buffer of it. The driver owns buffers; while the network layer holds
// one, nobody else touches it. It is given back, each buffer by itself, with rx_release().
struct net_rx_buffer {
    uint8_t *data;   // of this buffer's bytes; the first buffer starts at the Ethernet header
    uint32_t length; // bytes in this buffer
    struct net_rx_buffer *next; // next buffer of the same frame, NULL in the last
    bool checksum_valid;        // first buffer: the device vouches for the TCP/UDP checksum
    void *user[8];   // the network layer's, for as long as it holds the buffer (a pbuf fits)
    void *travel[3]; // its own, zero before the first frame: takes the buffer to other cores
};

#define NET_TX_SEGMENTS_OF_TAG 2 // more by a VLAN's tag
#define NET_TX_SEGMENTS_MAX    (16 + NET_TX_SEGMENTS_OF_TAG)

// A frame to send, as pieces of memory that stay untouched until `transmitted` says so.
struct net_tx_frame {
    struct {
        const void *data;
        uint32_t length;
    } segments[NET_TX_SEGMENTS_MAX];
    uint32_t segment_count;
    uint32_t headroom_bytes; // in front of the first segment, for the driver to write on
    bool checksum_needed; // fill in the 16-bit checksum, the pseudo header's sum is already there
    uint16_t checksum_start;  // bytes from the frame's start to where summing starts
    uint16_t checksum_offset; // bytes from there to the checksum field
    // Not 0: a large TCP segment, which the device sends as several with so many bytes of data each
    // (TSO). Only of a family that it can, and with checksum_needed.
    uint16_t tso_mss;
    uint16_t tso_headers_bytes; // of Ethernet, IP and TCP together
    bool tso_is_ipv6;
    void *token; // comes back in `transmitted`
};

struct net_device_stats {
    uint64_t rx_frames, rx_bytes, rx_dropped, rx_errors;
    uint64_t tx_frames, tx_bytes, tx_dropped;
    uint64_t interrupts, notifications;
    uint64_t lost_interrupts; // frames were there, the interrupt armed for them did not come
};

struct net_device_ops {
    // Queues a frame; the device is told at the next flush(). Returns: 0, or -ENOBUFS when the
    // queue is full, or -EIO when the device is shut off: the caller still owns the frame's memory.
    int (*transmit)(struct net_device *device, const struct net_tx_frame *frame);
    // Reaps sent frames and hands received ones to `received`, at most `budget` of them.
    // Returns: how many frames came in.
    uint32_t (*poll)(struct net_device *device, uint32_t budget);
    // Tells the device, once, of everything queued since the last flush, and refills the receive
    // queue with what rx_release() gave back, or leaves that until there is more of it. Not needed
    // while neither transmit() nor rx_release() was called.
    void (*flush)(struct net_device *device);
    // Allows the interrupts that end a halt: frames received and, when a transmit() found the queue
    // full, room in it. Comes after flush(), before the halt's deadline is computed: it may start a
    // timer that looks 10 ms later whether an interrupt was lost (not again before new traffic).
    // Returns: true if there is work for poll() already.
    bool (*arm)(struct net_device *device);
    // Gives one receive buffer back.
    void (*rx_release)(struct net_device *device, struct net_rx_buffer *buffer);
    // From now on received frames come in on the first `count` of the card's devices, all frames of
    // a connection on the same one. NULL for a card with one device. Context: a thread of core 0,
    // with the first device. Blocks: until the card has answered. Returns: 0 or negative: all stays
    // as it was.
    int (*spread)(struct net_device *device, unsigned count);
};

// A card, or of one that has several pairs of queues what one core works with.
struct net_device {
    // set by the driver
    unsigned core; // whose it is
    struct net_device *const
        *of_card;           // the card's devices; the first, core 0's, is the one registered
    unsigned of_card_count; // 0: this is the only one
    const struct net_device_ops *ops;
    char name[40];        // "virtio-net at 00:02.0"
    uint32_t pci_address; // bus, slot and function as pci_address() has them: the cards' order
    uint8_t mac[6];
    uint16_t mtu;          // bytes of payload, 1500 unless the device says otherwise
    bool link_up;          // kept current by the driver
    bool checksum_offload; // fills in checksums of frames that ask for it
    bool tso4, tso6;       // cuts large TCP segments in IPv4 and IPv6 itself
    struct net_device_stats stats;
    // set by the network layer before its first poll()
    void (*received)(struct net_device *device,
                     struct net_rx_buffer *frame); // takes the frame's buffers
    void (*transmitted)(struct net_device *device, void *token);
    void *user;
    unsigned card;           // its number, the same for all devices of a card
    struct net_device *next; // all cards, in the order of their PCI addresses
};

// Until the network layer has set its functions: frames received are dropped, sent ones forgotten.
void net_device_ignore(struct net_device *device);
// Registers a card by its first device, which is ready to work. Owns: the struct, for good.
void net_device_register(struct net_device *device);
// The first card's first device, or NULL.
struct net_device *net_device_first(void);
