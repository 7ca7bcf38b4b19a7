// SPDX-License-Identifier: MIT
// Frames through one pair of queues: operations of struct net_device.
#pragma once

#include "virtio/net_pair.h"

int queue_pair_transmit(struct net_device *device, const struct net_tx_frame *frame);
uint32_t queue_pair_poll(struct net_device *device, uint32_t budget);
void queue_pair_flush(struct net_device *device);
bool queue_pair_arm(struct net_device *device);
void queue_pair_rx_release(struct net_device *device, struct net_rx_buffer *lent);
