// SPDX-License-Identifier: MIT
// All consoles at once: the serial port, the framebuffer, QEMU's debug port. Each may be absent.
// Core 0 owns them; text from other cores travels to it by an exchange slot.
#pragma once

#include "kernel/boot_info.h"
#include "kernel/compiler.h"

// One place where text can go. Context of write: core 0, also an interrupt handler but never inside
// another write; or the one core that panics.
struct console_device {
    const char *name;
    void (*write)(struct console_device *device, const char *text, size_t size_bytes);
    struct console_device *next;
};

// Finds and adds the debug port and the serial port. Needs no memory: the first thing at boot.
void console_start(void);
// Adds the framebuffer and repeats on it what was written so far. Needs mmio_map() and the heap.
void console_start_framebuffer(const struct framebuffer_info *framebuffer);
// Adds the serial port that ACPI names, if console_start() did not find it already. 0: names none.
void console_start_serial(uint16_t port);
// Adds a device and repeats on it what was written so far, the last CONSOLE_KEPT_BYTES of it.
// Owns: the device, for good.
#define CONSOLE_KEPT_BYTES 16384
void console_add(struct console_device *device);

// Writes text on every console, whole. Context: any thread of any core; a handler of
// core 0 unless console_is_busy().
void console_write(const char *text, size_t size_bytes);
// The same for what several cores may notice at once: only the first text with this `written` is
// written. It is core 0's, false at first, and stays.
void console_write_once(bool *written, const char *text, size_t size_bytes);
// true while core 0 writes: an interrupt of core 0 must not write then. Context: core 0, any
// handler.
bool console_is_busy(void);
// Writes on every console right here, whatever core this is. A console that made the last call
// fail (a panic while panicking) is left out from then on. Context: panic, other cores stopped.
void console_write_panic(const char *text, size_t size_bytes);
// Between lines of a text of many: gives whoever reads the consoles time now and then, for a serial
// port that is not read drops text. Does not sleep: it may be a loop that writes, or a panic.
void console_let_read(void);
// How text of other cores reaches console_write_once() on core 0; smp/ sets it. Until then they
// must not write.
void console_set_forward(void (*forward)(bool *written, const char *text, size_t size_bytes));
