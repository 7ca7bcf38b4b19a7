// SPDX-License-Identifier: MIT
// Finds the devices that are not virtio and have a driver linked.
#pragma once

// Context: a thread of core 0, once, with timers running.
void drivers_probe_all(void);
