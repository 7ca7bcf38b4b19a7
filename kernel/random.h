// SPDX-License-Identifier: MIT
// Random bytes for keys, sequence numbers and hash seeds: a ChaCha20 generator for each core,
// seeded from the firmware, the CPU and virtio-rng.
#pragma once

#include "kernel/compiler.h"

// Fills `buffer` with unpredictable bytes. Context: any thread.
void random_bytes(void *buffer, size_t size_bytes);
uint32_t random_u32(void);
// Stirs `size_bytes` of entropy into this core's generator; harmless if they are predictable.
void random_add_entropy(const void *data, size_t size_bytes);
// false when nothing seeded the generator but the clock: then nothing secret may come from it.
bool random_is_strong(void);
