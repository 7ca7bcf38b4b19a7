// SPDX-License-Identifier: MIT
// Text on the screen: a grid of characters in memory, of which only changed ones are drawn. Video
// memory is only ever written.
#pragma once

#include "kernel/console.h"

#define FRAMEBUFFER_PIXELS_MAX 16384 // a side; what claims more is taken for broken

// Maps and clears the screen. Needs mmio_map_framebuffer() and the heap.
// Returns: its console, or NULL, having said why unless there simply is no screen.
struct console_device *framebuffer_start(const struct framebuffer_info *info);
