// SPDX-License-Identifier: MIT
// Frames through one pair of queues: operations of struct net_device.
#pragma once

#include "drivers/e1000_pair.h"

int e1000_queue_transmit(struct net_device *device, const struct net_tx_frame *frame);
uint32_t e1000_queue_poll(struct net_device *device, uint32_t budget);
void e1000_queue_flush(struct net_device *device);
bool e1000_queue_arm(struct net_device *device);
void e1000_queue_rx_release(struct net_device *device, struct net_rx_buffer *lent);
