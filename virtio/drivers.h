// SPDX-License-Identifier: MIT
// The drivers there are, for the table in probe.c.
#pragma once

#include "virtio/core.h"

extern const struct virtio_driver virtio_net_driver;
extern const struct virtio_driver virtio_rng_driver;
