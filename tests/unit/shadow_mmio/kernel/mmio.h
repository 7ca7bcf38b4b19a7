// SPDX-License-Identifier: MIT
// kernel/mmio.h for tests of drivers whose fake device has to see each access to its registers
// (-iquote tests/unit/shadow_mmio): the same names, which the fake defines.
#pragma once

#include "kernel/compiler.h"

void *mmio_map(uint64_t phys, size_t size_bytes) MUST_CHECK;
uint32_t mmio_read32(const volatile void *address);
void mmio_write32(volatile void *address, uint32_t value);
