// SPDX-License-Identifier: MIT
// What the parts of the fuzzer of network cards share.
#pragma once

#include "bytes.h"
#include "kernel/device.h"

// One call of the layers above, `how` says with what.
void device_drive(struct net_device *net, uint8_t step, uint8_t how);
// What was given to a card that is shut off came back, and nothing came twice.
void device_check(struct net_device *net, bool is_shut_off);

// One of Intel's: what kind, then what happens.
void device_e1000(struct bytes *bytes);
