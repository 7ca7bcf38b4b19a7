// SPDX-License-Identifier: MIT
// What TLS keeps for a core and what the cores share: random numbers, and one secret from which
// keys are derived that all of them must have. Inside tls/ only.
#pragma once

#include "kernel/compiler.h"

// The shape in which Mbed TLS asks for random bytes. Returns: 0, or an error while they can be
// guessed.
int tls_random(void *unused, unsigned char *out, size_t size_bytes);

// Prepares this core, the first time. Returns: 0, or an error of Mbed TLS.
int tls_core_start(void) MUST_CHECK;

// Bytes that are the same on every core and known nowhere else: up to 255 * 32 of them.
// Returns: 0, or an error of Mbed TLS.
int tls_derive(const char *purpose, uint64_t number, uint8_t *out, size_t size_bytes) MUST_CHECK;
