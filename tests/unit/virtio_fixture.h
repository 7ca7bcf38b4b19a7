// SPDX-License-Identifier: MIT
// The fake device as the tests of virtio's drivers start it.
#pragma once

#include <string.h>

#include "fake_driver.h"
#include "fake_virtio.h"
#include "virtio/drivers.h"

#define BIT(bit)     (1ull << (bit))
#define OFFERED_LESS (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MAC))
#define OFFERED                                                                                    \
    (OFFERED_LESS | BIT(VIRTIO_F_EVENT_IDX) | BIT(VIRTIO_F_INDIRECT_DESC) |                        \
     BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_MTU) |               \
     BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF))
#define OFFERED_LARGE                                                                              \
    (OFFERED | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |                         \
     BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6))
#define HEADER_BYTES 12

static struct fake_device fake;
static struct virtio_device device;

// A device of `type` that offers what is said, with a configuration that suits a card.
static inline void prepare(uint32_t type, uint64_t offered)
{
    static const uint8_t config[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0xdc, 0x05};
    fake_device_init(&fake, type, offered);
    memcpy(fake.config, config, sizeof(config));
    memset(&device, 0, sizeof(device));
    device.transport = &fake.transport;
    fake_driver_reset();
}

static inline int transmit(struct net_device *net, uint32_t segments, void *token)
{
    static uint8_t memory[NET_TX_SEGMENTS_MAX][32];
    struct net_tx_frame frame = {.segment_count = segments, .token = token};
    for (uint32_t i = 0; i < segments; i++) {
        memset(memory[i], (int)i, sizeof(memory[i]));
        frame.segments[i].data = memory[i];
        frame.segments[i].length = 20 + i;
    }
    return net->ops->transmit(net, &frame);
}
