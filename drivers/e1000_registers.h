// SPDX-License-Identifier: MIT
// Registers and descriptors of Intel's gigabit controllers, as far as they are used here; 82540EM
// and 82574L have them in common unless it says otherwise.
// Spec: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (317453),
// "SDM" below, chapters 3 and 13; Intel 82574 GbE Controller Family datasheet, "82574", chapter 10.
#pragma once

#include <stdatomic.h>

#include "kernel/compiler.h"

#define E1000_REGISTERS_BYTES 0x20000u // BAR 0, SDM 4.1

enum e1000_register {
    E1000_CTRL = 0x0000,
    E1000_STATUS = 0x0008,
    E1000_EERD = 0x0014,
    E1000_CTRL_EXT = 0x0018,
    E1000_ICR = 0x00c0,
    E1000_IMS = 0x00d0,
    E1000_IMC = 0x00d8,
    E1000_EIAC = 0x00dc, // 82574
    E1000_IAM = 0x00e0,  // 82574
    E1000_IVAR = 0x00e4, // 82574
    E1000_RCTL = 0x0100,
    E1000_TCTL = 0x0400,
    E1000_TIPG = 0x0410,
    E1000_RDBAL = 0x2800, // of queue 0; the other's registers are E1000_QUEUE_STRIDE on
    E1000_RDBAH = 0x2804,
    E1000_RDLEN = 0x2808,
    E1000_RDH = 0x2810,
    E1000_RDT = 0x2818,
    E1000_RDTR = 0x2820,
    E1000_RADV = 0x282c,
    E1000_TDBAL = 0x3800, // of queue 0
    E1000_TDBAH = 0x3804,
    E1000_TDLEN = 0x3808,
    E1000_TDH = 0x3810,
    E1000_TDT = 0x3818,
    E1000_TIDV = 0x3820,
    E1000_TXDCTL = 0x3828,
    E1000_TADV = 0x382c,
    E1000_CRCERRS = 0x4000, // statistics: reading one clears it
    E1000_ALGNERRC = 0x4004,
    E1000_RXERRC = 0x400c,
    E1000_MPC = 0x4010,
    E1000_RXCSUM = 0x5000,
    E1000_RFCTL = 0x5008, // 82574
    E1000_MTA = 0x5200,   // 128 of them
    E1000_RAL = 0x5400,   // 16 pairs
    E1000_RAH = 0x5404,
    E1000_MRQC = 0x5818,  // this and below: 82574
    E1000_RETA = 0x5c00,  // 32 of them
    E1000_RSSRK = 0x5c80, // 10 of them
};

#define E1000_QUEUE_STRIDE      0x100u
#define E1000_QUEUES_MAX        2u // 82574
#define E1000_RETA_ENTRIES      128u
#define E1000_RSSRK_COUNT       10u
#define E1000_MTA_COUNT         128u
#define E1000_RECEIVE_ADDRESSES 16u
#define E1000_ALL_ONES          UINT32_MAX // what a read of nothing gives
#define E1000_ALL_INTERRUPTS    UINT32_MAX

#define E1000_CTRL_GIO_MASTER_DISABLE (1u << 2) // 82574
#define E1000_CTRL_LINK_RESET         (1u << 3)
#define E1000_CTRL_SET_LINK_UP        (1u << 6)
#define E1000_CTRL_INVERT_LOSS        (1u << 7)
#define E1000_CTRL_FORCE_SPEED        (1u << 11)
#define E1000_CTRL_FORCE_DUPLEX       (1u << 12)
#define E1000_CTRL_RESET              (1u << 26)
#define E1000_CTRL_RX_FLOW_CONTROL    (1u << 27)
#define E1000_CTRL_TX_FLOW_CONTROL    (1u << 28)
#define E1000_CTRL_VLAN_MODE          (1u << 30)
#define E1000_CTRL_PHY_RESET          (1u << 31)

#define E1000_STATUS_LINK_UP    (1u << 1)
#define E1000_STATUS_GIO_MASTER (1u << 19) // 82574

#define E1000_EERD_START      (1u << 0)
#define E1000_EERD_DATA_SHIFT 16

#define E1000_CTRL_EXT_AUTO_MASK     (1u << 24) // EIAME, 82574
#define E1000_CTRL_EXT_IAME          (1u << 27) // 82574
#define E1000_CTRL_EXT_DRIVER_LOADED (1u << 28) // 82574
#define E1000_CTRL_EXT_PBA_CLEAR     (1u << 31) // 82574

#define E1000_INTERRUPT_LINK      (1u << 2)              // LSC
#define E1000_INTERRUPT_RX(queue) (1u << (20 + (queue))) // this and below: 82574 with MSI-X
#define E1000_INTERRUPT_TX(queue) (1u << (22 + (queue)))
#define E1000_INTERRUPT_OTHER     (1u << 24)

// IVAR, 82574 10.2.4.9: for each kind of cause the entry of the MSI-X table.
#define E1000_IVAR_RX(queue, entry) (((entry) | 8u) << 4 * (queue))
#define E1000_IVAR_TX(queue, entry) (((entry) | 8u) << (8 + 4 * (queue)))
#define E1000_IVAR_OTHER(entry)     (((entry) | 8u) << 16)

#define E1000_RCTL_ENABLE        (1u << 1)
#define E1000_RCTL_ALL_MULTICAST (1u << 4)
#define E1000_RCTL_LONG_FRAMES   (1u << 5)
#define E1000_RCTL_BROADCAST     (1u << 15)
#define E1000_RCTL_STRIP_CRC     (1u << 26)
// Bits 16, 17 and 25 as zeros: buffers of this size.
#define E1000_RX_BUFFER_BYTES 2048u

#define E1000_TCTL_ENABLE            (1u << 1)
#define E1000_TCTL_PAD_SHORT         (1u << 3)
#define E1000_TCTL_COLLISIONS        (0x0fu << 4)  // SDM 14.5
#define E1000_TCTL_DISTANCE          (0x40u << 12) // of full duplex
#define E1000_TIPG_COPPER            (10u | 8u << 10 | 6u << 20)
#define E1000_TXDCTL_WRITE_BACK_EACH (1u << 24 | 1u << 22 | 1u << 16) // 82574 4.6.6 and 10.2.6.9

#define E1000_RXCSUM_IP        (1u << 8)
#define E1000_RXCSUM_TRANSPORT (1u << 9)
#define E1000_RXCSUM_HASH      (1u << 13) // PCSD, 82574: the hash in place of the frame's sum

// Receive side scaling by TCP and IP, 82574 7.1.11 and 10.2.8.
#define E1000_MRQC_HASH         (1u | 1u << 16 | 1u << 17 | 1u << 18 | 1u << 20)
#define E1000_RETA_QUEUE(queue) ((queue) << 7)

// What the 82574 would look for inside of frames: iSCSI, NFS, acknowledgements; and IPv6 extension
// headers, which it may take for TCP.
#define E1000_RFCTL_EXTENDED   (1u << 15)
#define E1000_RFCTL_NO_FILTERS (1u << 0 | 1u << 6 | 1u << 7 | 1u << 12 | 1u << 16 | 1u << 17)

#define E1000_RAH_VALID (1u << 31)

// ---- descriptors --------------------------------------------------------------------------------

// Receive. The card writes over it: in the basic format, which both know, first the length, then
// status (bits 0 to 7) and errors (8 to 15); in the extended one, 82574, the address too, then
// status (0 to 19) and errors (20 to 31), then the length. Spec: SDM 3.2.3; 82574 7.1.4, 7.1.5.
struct e1000_rx_descriptor {
    uint64_t address_phys;
    _Atomic uint32_t words[2];
};
#define E1000_RX_BASIC_LENGTH    0 // in words[]
#define E1000_RX_BASIC_STATUS    1
#define E1000_RX_EXTENDED_STATUS 0
#define E1000_RX_EXTENDED_LENGTH 1

// As in the extended format.
#define E1000_RX_DONE              (1u << 0)
#define E1000_RX_END_OF_FRAME      (1u << 1)
#define E1000_RX_IGNORE_CHECKSUM   (1u << 2)
#define E1000_RX_TRANSPORT_CHECKED (1u << 5)
#define E1000_RX_TRANSPORT_WRONG   (1u << 29)
// CRC, symbol, sequence, carrier extension, data: the frame is damaged.
#define E1000_RX_DAMAGED (1u << 24 | 1u << 25 | 1u << 26 | 1u << 28 | 1u << 31)

// Transmit: data, or the context that says where checksums lie. Spec: SDM 3.3.6, 3.3.7;
// 82574 7.2.6.
struct e1000_tx_descriptor {
    uint64_t address_phys;           // context: the checksums' places
    uint32_t command;                // with the length of the data
    _Atomic uint32_t status_options; // the card sets E1000_TX_DONE
};

#define E1000_TX_END_OF_FRAME     (1u << 24)
#define E1000_TX_INSERT_CRC       (1u << 25)
#define E1000_TX_REPORT           (1u << 27)
#define E1000_TX_EXTENDED         (1u << 29)
#define E1000_TX_DATA             (1u << 20 | E1000_TX_EXTENDED)
#define E1000_TX_CONTEXT          E1000_TX_EXTENDED
#define E1000_TX_LENGTH_MASK      0xfffffu
#define E1000_TX_DONE             (1u << 0)
#define E1000_TX_INSERT_TRANSPORT (1u << 9) // POPTS.TXSM

_Static_assert(sizeof(struct e1000_rx_descriptor) == 16, "SDM 3.2.3");
_Static_assert(sizeof(struct e1000_tx_descriptor) == 16, "SDM 3.3");
