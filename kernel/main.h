// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot_info.h"

// Which app is linked in; the Makefile writes it.
extern char app_name[];

// The kernel's entry: the firmware was just left, on the firmware's stack and page tables, with
// interrupts off or on as it left them. Never returns.
_Noreturn void kernel_main(const struct boot_info *info);
