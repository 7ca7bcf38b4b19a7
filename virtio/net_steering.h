// SPDX-License-Identifier: MIT
// Which pair of queues a card puts a frame on.
#pragma once

#include "kernel/device.h"

// From now on frames come in on the first `count` pairs: net_device_ops.spread.
int virtio_net_spread(struct net_device *device, unsigned count);
