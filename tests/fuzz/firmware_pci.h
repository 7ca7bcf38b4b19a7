// SPDX-License-Identifier: MIT
// A part of the fuzzer of what firmware hands over.
#pragma once

#include "bytes.h"

// Configuration spaces: a byte that registers read as, then of each function its bus, its slot and
// function, and bytes that differ from a network card's: offset and value, until an offset of 0.
void firmware_pci(struct bytes *bytes);
