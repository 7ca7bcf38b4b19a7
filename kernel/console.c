// SPDX-License-Identifier: MIT
#include "kernel/console.h"

#include <stdatomic.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/debugport.h"
#include "kernel/framebuffer.h"
#include "kernel/log.h"
#include "kernel/serial.h"
#include "kernel/time.h"

#define LINES_AT_ONCE 256
#define PAUSE_NS      (20 * NS_PER_MS)
// Of the clock, which may not run yet.
#define PAUSE_LOOKS_MAX 1000000

// All of this is core 0's, and a panicking core's once the others are stopped.
static struct console_device *devices;
static void (*forward_to_core_0)(bool *written, const char *text, size_t size_bytes);
static bool is_busy;                        // for interrupts of core 0
static struct console_device *panic_device; // the one being written to in a panic

// The last of what was written, for consoles that come later: a ring.
static char kept[CONSOLE_KEPT_BYTES];
static size_t kept_next; // where the next byte goes
static bool kept_is_full;

static void keep(const char *text, size_t size_bytes)
{
    if (size_bytes > sizeof(kept)) {
        text += size_bytes - sizeof(kept);
        size_bytes = sizeof(kept);
    }
    size_t first_bytes = sizeof(kept) - kept_next;
    if (first_bytes > size_bytes)
        first_bytes = size_bytes;
    memcpy(kept + kept_next, text, first_bytes);
    memcpy(kept, text + first_bytes, size_bytes - first_bytes);
    kept_next += size_bytes;
    if (kept_next >= sizeof(kept)) {
        kept_next -= sizeof(kept);
        kept_is_full = true;
    }
}

static void write_on_all(const char *text, size_t size_bytes)
{
    is_busy = true;
    atomic_signal_fence(memory_order_seq_cst);
    keep(text, size_bytes);
    for (struct console_device *device = devices; device != NULL; device = device->next)
        device->write(device, text, size_bytes);
    atomic_signal_fence(memory_order_seq_cst);
    is_busy = false;
}

bool console_is_busy(void)
{
    return is_busy;
}

void console_add(struct console_device *device)
{
    if (kept_is_full)
        device->write(device, kept + kept_next, sizeof(kept) - kept_next);
    device->write(device, kept, kept_next);
    device->next = devices;
    devices = device;
}

void console_start(void)
{
    struct console_device *debugport = debugport_find();
    if (debugport != NULL)
        console_add(debugport);
    console_start_serial(SERIAL_PORT_COM1);
}

void console_start_serial(uint16_t port)
{
    struct console_device *serial = port == 0 ? NULL : serial_find(port);
    if (serial != NULL)
        console_add(serial);
}

void console_start_framebuffer(const struct framebuffer_info *framebuffer)
{
    struct console_device *device = framebuffer_start(framebuffer);
    if (device != NULL)
        console_add(device);
}

void console_set_forward(void (*forward)(bool *written, const char *text, size_t size_bytes))
{
    forward_to_core_0 = forward;
}

void console_write_once(bool *written, const char *text, size_t size_bytes)
{
    if (core_index() != 0) {
        if (forward_to_core_0 != NULL)
            forward_to_core_0(written, text, size_bytes);
        return;
    }
    if (written != NULL && *written)
        return;
    if (written != NULL)
        *written = true;
    write_on_all(text, size_bytes);
}

void console_write(const char *text, size_t size_bytes)
{
    console_write_once(NULL, text, size_bytes);
}

static void remove_device(const struct console_device *device)
{
    struct console_device **link = &devices;
    while (*link != NULL && *link != device)
        link = &(*link)->next;
    if (*link != NULL)
        *link = device->next;
}

void console_write_panic(const char *text, size_t size_bytes)
{
    if (panic_device != NULL)
        remove_device(panic_device);
    for (struct console_device *device = devices; device != NULL; device = device->next) {
        panic_device = device;
        device->write(device, text, size_bytes);
    }
    panic_device = NULL;
}

void console_let_read(void)
{
    static unsigned lines;
    if (++lines % LINES_AT_ONCE != 0)
        return;
    uint64_t begin_ns = time_now_ns();
    for (unsigned i = 0; i < PAUSE_LOOKS_MAX && time_now_ns() - begin_ns < PAUSE_NS; i++)
        cpu_pause();
}
