// SPDX-License-Identifier: MIT
// Kinds of faults, see apps/selftest/faults.c. The first three need option heap=debug.
#pragma once

void fault_double_free(void);
void fault_heap_overflow(void);
void fault_use_after_free(void);
void fault_wild_free(void);
void fault_free_stack(void);
