// SPDX-License-Identifier: MIT
// musl's header of this name, but for a_crash(): its `hlt` faults in a process and merely waits in
// ring 0. An undefined instruction gives the kernel's report.
#include_next "atomic_arch.h"

#undef a_crash
#define a_crash() __builtin_trap()
