// SPDX-License-Identifier: MIT
// Time stamp counters that do not show the same on all cores: firmware or a hypervisor set them
// apart.
#pragma once

// Compares the counters of all other cores with core 0's. Where one differs, that core's clock is
// told by how much, and one line says it. Counters that run at different speeds are not noticed.
// Context: core 0, before any thread runs; the others are in their loops. Blocks: until each has
// answered, spinning, but 1 ms at most where no counter differs: one that has not answered by then
// counts as the same.
void tsc_sync(void);
