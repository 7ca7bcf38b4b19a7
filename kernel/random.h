// SPDX-License-Identifier: MIT
// Random bytes for keys, sequence numbers and hash seeds: a ChaCha20 generator for each core,
// seeded from the firmware, the CPU and virtio-rng.
// Spec: RFC 8439, 2.3 (the block function). Each refill replaces the key first, so what was given
// out cannot be computed from what is in memory later.
#pragma once

#include "kernel/boot_info.h"
#include "kernel/compiler.h"

// Seeds core 0's generator and what the other cores' are derived from; says so when nothing but the
// clock is there to seed it. Context: core 0 while booting, before any of the rest.
void random_start(const struct boot_info *info);
// Seeds this core's generator, with a stream of its own. Context: each further core, once, before
// random_seal().
void random_start_core(void);
// Forgets what the cores' generators were derived from. Context: core 0, once all cores are
// started.
void random_seal(void);

// Fills `buffer` with unpredictable bytes. Context: any thread.
void random_bytes(void *buffer, size_t size_bytes);
uint32_t random_u32(void);
// Stirs `size_bytes` of entropy into this core's generator; harmless if they are predictable.
void random_add_entropy(const void *data, size_t size_bytes);
// The same with bytes of a device made for it (virtio-rng): 32 of them make this core's generator
// strong.
void random_seed(const void *data, size_t size_bytes);
// false when nothing seeded the generator but the clock: then nothing secret may come from it.
bool random_is_strong(void);
