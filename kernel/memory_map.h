// SPDX-License-Identifier: MIT
// The firmware's memory map, put in order: firmware may give it unsorted, in hundreds of pieces.
#pragma once

#include "kernel/boot_info.h"

// Sorts by address, drops empty ranges, trims to whole pages, merges neighbours of one type. Where
// ranges overlap (firmware must not, some does) the less usable type wins.
// Returns: how many ranges are left at the front of the array, at most `count`; overlaps that would
// need more are cut to what is safe.
size_t memory_map_normalise(struct memory_range *ranges, size_t count);
// true if [phys, phys + size_bytes) lies in memory that the map names and that is no device.
bool memory_map_contains(const struct memory_range *ranges, size_t count, uint64_t phys,
                         uint64_t size_bytes);
