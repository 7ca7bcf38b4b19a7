// SPDX-License-Identifier: MIT
// Memory from core to core: one whose pool runs dry asks the others, the richest first, and who can
// spare it takes whole pieces of 2 MiB out of its own pool, for good. A core asks ahead, when it is
// nearly out of memory; a thread that may wait can do so until an answer came.
#pragma once

#include "kernel/compiler.h"

// Core 0, once, before other cores start.
void borrow_start(void);

// To be called when an allocation of `size_bytes` has failed. Context: thread; in a core's loop it
// does not wait. Blocks: until others answered, at most a tenth of a second.
// Returns: true if memory came: try again. Ends: each time there is less left to be lent.
bool borrow_wait(size_t size_bytes);
