// SPDX-License-Identifier: MIT
// The numbers and layouts of the specification, and nothing of ours.
// Spec: Virtual I/O Device (VIRTIO) Version 1.2; sections stand beside each group.
#pragma once

#include <stdatomic.h>

#include "kernel/compiler.h"

// ---- device status, 2.1 -------------------------------------------------------------------------
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER      0x02
#define VIRTIO_STATUS_DRIVER_OK   0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED      0x80

// ---- device types, 5 ----------------------------------------------------------------------------
#define VIRTIO_TYPE_NET 1
#define VIRTIO_TYPE_RNG 4

// ---- feature bits that are not one device's, 6 --------------------------------------------------
#define VIRTIO_F_INDIRECT_DESC   28
#define VIRTIO_F_EVENT_IDX       29
#define VIRTIO_F_VERSION_1       32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED     34
#define VIRTIO_F_ORDER_PLATFORM  36

// ---- split virtqueue, 2.7 -----------------------------------------------------------------------
#define VIRTIO_QUEUE_SIZE_MAX 32768 // entries

#define VIRTIO_DESCRIPTOR_NEXT     1 // the chain goes on at `next`
#define VIRTIO_DESCRIPTOR_WRITE    2 // the device writes this buffer
#define VIRTIO_DESCRIPTOR_INDIRECT 4 // the buffer is a table of descriptors

struct virtio_descriptor { // 2.7.5
    uint64_t address_phys;
    uint32_t length; // bytes
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct virtio_descriptor) == 16, "2.7.5");

#define VIRTIO_AVAILABLE_NO_INTERRUPT 1

struct virtio_available { // 2.7.6, written by the driver
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    _Atomic uint16_t ring[]; // then, with VIRTIO_F_EVENT_IDX, used_event
};
_Static_assert(offsetof(struct virtio_available, ring) == 4, "2.7.6");

#define VIRTIO_USED_NO_NOTIFY 1

struct virtio_used_element { // 2.7.8
    _Atomic uint32_t id;
    _Atomic uint32_t length; // bytes the device wrote
};
_Static_assert(sizeof(struct virtio_used_element) == 8, "2.7.8");

struct virtio_used { // 2.7.8, written by the device
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    struct virtio_used_element ring[]; // then, with VIRTIO_F_EVENT_IDX, avail_event
};
_Static_assert(offsetof(struct virtio_used, ring) == 4, "2.7.8");

// ---- packed virtqueue, 2.8 ----------------------------------------------------------------------
#define VIRTIO_PACKED_AVAILABLE 0x0080 // flags beside those of split rings' descriptors
#define VIRTIO_PACKED_USED      0x8000

struct virtio_packed_descriptor { // 2.8.13; the device writes all but the address
    uint64_t address_phys;
    _Atomic uint32_t length;
    _Atomic uint16_t id;
    _Atomic uint16_t flags;
};
_Static_assert(sizeof(struct virtio_packed_descriptor) == sizeof(struct virtio_descriptor),
               "indirect tables have room for either");

// ---- PCI transport, 4.1 -------------------------------------------------------------------------
#define VIRTIO_PCI_VENDOR                0x1af4
#define VIRTIO_PCI_DEVICE_TRANSITIONAL   0x1000 // to 0x103f; the subsystem id is the type
#define VIRTIO_PCI_DEVICE_MODERN         0x1040 // + the type
#define VIRTIO_PCI_DEVICE_LAST           0x107f
#define VIRTIO_PCI_CAPABILITY_COMMON     1 // 4.1.4
#define VIRTIO_PCI_CAPABILITY_NOTIFY     2
#define VIRTIO_PCI_CAPABILITY_ISR        3
#define VIRTIO_PCI_CAPABILITY_DEVICE     4
#define VIRTIO_PCI_CAPABILITY_PCI_CONFIG 5
#define VIRTIO_PCI_NO_VECTOR             0xffff // 4.1.5.1.2

// struct virtio_pci_cap, 4.1.4: offsets from the capability's start
#define VIRTIO_PCI_CAP_LENGTH     2
#define VIRTIO_PCI_CAP_TYPE       3
#define VIRTIO_PCI_CAP_BAR        4
#define VIRTIO_PCI_CAP_OFFSET     8
#define VIRTIO_PCI_CAP_SIZE       12
#define VIRTIO_PCI_CAP_MULTIPLIER 16 // notify only
#define VIRTIO_PCI_CAP_BYTES      16

struct virtio_pci_common { // 4.1.4.3
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_msix_vector;
    uint16_t queue_count;
    uint8_t device_status;
    uint8_t config_generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_msix_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_offset;
    uint32_t queue_descriptors_low, queue_descriptors_high;
    uint32_t queue_driver_low, queue_driver_high;
    uint32_t queue_device_low, queue_device_high;
};
_Static_assert(sizeof(struct virtio_pci_common) == 56, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common, device_status) == 20, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common, queue_descriptors_low) == 32, "4.1.4.3");

// ---- network device, 5.1 ------------------------------------------------------------------------
#define VIRTIO_NET_F_CSUM       0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_MTU        3
#define VIRTIO_NET_F_MAC        5
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_HOST_TSO4  11
#define VIRTIO_NET_F_HOST_TSO6  12
#define VIRTIO_NET_F_MRG_RXBUF  15
#define VIRTIO_NET_F_STATUS     16
#define VIRTIO_NET_F_CTRL_VQ    17
#define VIRTIO_NET_F_MQ         22
#define VIRTIO_NET_F_RSS        60

#define VIRTIO_NET_CONFIG_MAC           0 // 5.1.4: offsets in the device's configuration
#define VIRTIO_NET_CONFIG_STATUS        6
#define VIRTIO_NET_CONFIG_PAIRS_MAX     8
#define VIRTIO_NET_CONFIG_MTU           10
#define VIRTIO_NET_CONFIG_RSS_KEY_MAX   17
#define VIRTIO_NET_CONFIG_RSS_TABLE_MAX 18
#define VIRTIO_NET_CONFIG_HASH_TYPES    20

#define VIRTIO_NET_STATUS_LINK_UP 1

#define VIRTIO_NET_HEADER_NEEDS_CHECKSUM 1
#define VIRTIO_NET_HEADER_DATA_VALID     2
#define VIRTIO_NET_HEADER_GSO_NONE       0
#define VIRTIO_NET_HEADER_GSO_TCPV4      1
#define VIRTIO_NET_HEADER_GSO_TCPV6      4

struct virtio_net_header { // 5.1.6; num_buffers is always there with VIRTIO_F_VERSION_1
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_length;
    uint16_t gso_size;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffer_count;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "5.1.6");

#define VIRTIO_NET_CONTROL_OK       0 // 5.1.6.5
#define VIRTIO_NET_CONTROL_MQ       4 // class; its commands:
#define VIRTIO_NET_CONTROL_MQ_PAIRS 0 // 5.1.6.5.6.1, a 16-bit number
#define VIRTIO_NET_CONTROL_MQ_RSS   1 // 5.1.6.5.7.1
// IPv4, TCPv4, UDPv4, IPv6, TCPv6, UDPv6, 5.1.6.4.3.1
#define VIRTIO_NET_HASH_TYPES 0x3f

struct virtio_net_rss { // then the table of table_mask + 1 16-bit numbers of pairs
    uint32_t hash_types;
    uint16_t table_mask;
    uint16_t unclassified_pair;
};
_Static_assert(sizeof(struct virtio_net_rss) == 8, "5.1.6.5.7.1");
struct virtio_net_rss_end { // then the key
    uint16_t tx_pairs;
    uint8_t key_bytes;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_net_rss_end) == 3, "5.1.6.5.7.1");
