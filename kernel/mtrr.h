// SPDX-License-Identifier: MIT
// Memory type range registers: what kind of memory lies at which physical addresses. All cores must
// have them alike, and INIT may clear them (under QEMU it does): without them all memory is
// uncached. Spec: Intel SDM volume 3, 12.11.
#pragma once

// Notes those of this core. Context: core 0, before the others start.
void mtrr_note(void);
// Gives this core what core 0 has, if it has something else. Context: interrupts off, each further
// core, before anything else.
void mtrr_take_over(void);
