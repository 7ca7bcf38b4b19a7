// SPDX-License-Identifier: MIT
// Where the linker script (image.ld) puts the parts of the image. All are page-aligned.
#pragma once

extern char image_start[], image_end[];
extern char text_start[], text_end[];                     // executable, read-only
extern char interrupt_text_start[], interrupt_text_end[]; // of that: all marked INTERRUPT_CONTEXT
extern char rodata_start[], rodata_end[];                 // read-only
extern char relr_start[], relr_end[];       // in it: where the image holds its own addresses
extern char data_start[], data_end[];       // writable, shared by all cores
extern char relro_end[];                    // data_start up to here is read-only once relocated
extern char percore_start[], percore_end[]; // writable, one copy a core at the same address
extern char symbols_start[], symbols_end[]; // read-only
