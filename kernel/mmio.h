// SPDX-License-Identifier: MIT
// Device registers: mapped uncached at an address of their own, read and written at exact widths.
#pragma once

#include "kernel/compiler.h"

// Maps [phys, phys + size_bytes) uncached, never executable, readable on every core.
// Any physical address and size; need not be page-aligned.
// Context: core 0 while booting. Returns: the virtual address of `phys`, or NULL without memory.
void *mmio_map(uint64_t phys, size_t size_bytes) MUST_CHECK;
// The same, write-combining: for frame buffers.
void *mmio_map_framebuffer(uint64_t phys, size_t size_bytes) MUST_CHECK;

static inline uint8_t mmio_read8(const volatile void *address)
{
    return *(const volatile uint8_t *)address;
}
static inline uint16_t mmio_read16(const volatile void *address)
{
    return *(const volatile uint16_t *)address;
}
static inline uint32_t mmio_read32(const volatile void *address)
{
    return *(const volatile uint32_t *)address;
}
static inline void mmio_write8(volatile void *address, uint8_t value)
{
    *(volatile uint8_t *)address = value;
}
static inline void mmio_write16(volatile void *address, uint16_t value)
{
    *(volatile uint16_t *)address = value;
}
static inline void mmio_write32(volatile void *address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}
