// SPDX-License-Identifier: MIT
#pragma once

// Commits the fault `kind` on purpose, in a thread of `core`. Most never return.
// Returns: 2 when there is no such kind or core, and says so; 1 when the fault had no effect.
int fault_commit(const char *kind, unsigned core);
