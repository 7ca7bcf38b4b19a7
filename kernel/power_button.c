// SPDX-License-Identifier: MIT
#include "kernel/power_button.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/io_apic.h"
#include "kernel/log.h"
#include "kernel/scheduler.h"
#include "kernel/stop.h"
#include "kernel/thread.h"

// The FADT's fields. Spec: ACPI 6.5, table 5.9.
enum {
    SCI_INT = 46,
    SMI_CMD = 48,
    ACPI_ENABLE = 52,
    PM1A_EVT_BLK = 56,
    PM1B_EVT_BLK = 60,
    PM1A_CNT_BLK = 64,
    GPE0_BLK = 80,
    GPE1_BLK = 84,
    PM1_EVT_LEN = 88,
    GPE0_BLK_LEN = 92,
    GPE1_BLK_LEN = 93,
    FLAGS = 112,
    FLAG_NO_FIXED_BUTTON = 1 << 4,
};

#define PM1_BUTTON  (1u << 8)
#define PM1_ALL     0xc731u // the status bits there are; written 1 they become 0
#define CONTROL_SCI (1u << 0)

#define ENABLE_LOOKS_MAX 100000 // about 100 ms
#define STRAYS_MAX       1000   // interrupts in a row that nobody here knows the reason of

static uint16_t event_ports[2]; // status registers; 0: there is none
static struct io_apic_line line;
static unsigned strays; // the interrupt's
static atomic_bool is_pressed, is_stray;

static uint32_t field(const struct acpi_facts *facts, unsigned offset, unsigned bytes)
{
    uint32_t value = 0;
    memcpy(&value, facts->fadt + offset, bytes);
    return value;
}

// ---- being pressed ------------------------------------------------------------------------------

static INTERRUPT_CONTEXT void hear(void *context)
{
    (void)context;
    bool is_button = false;
    for (unsigned i = 0; i < ARRAY_COUNT(event_ports); i++) {
        if (event_ports[i] == 0 || !(cpu_in16(event_ports[i]) & PM1_BUTTON))
            continue;
        cpu_out16(event_ports[i], PM1_BUTTON);
        is_button = true;
    }
    strays = is_button ? 0 : strays + 1;
    if (is_button)
        atomic_store_explicit(&is_pressed, true, memory_order_relaxed);
    scheduler_mark();
    if (strays < STRAYS_MAX)
        return;
    io_apic_mask(&line); // its level stays: nothing else would run any more
    atomic_store_explicit(&is_stray, true, memory_order_relaxed);
}

static void stop(void *argument)
{
    (void)argument;
    stop_request("the power button");
}

static bool button_poll(void *context)
{
    (void)context;
    if (atomic_load_explicit(&is_stray, memory_order_relaxed)) {
        atomic_store_explicit(&is_stray, false, memory_order_relaxed);
        log_warn("power: the power button is not heard any more: its interrupt comes for ever");
    }
    if (!atomic_load_explicit(&is_pressed, memory_order_relaxed))
        return false;
    atomic_store_explicit(&is_pressed, false, memory_order_relaxed);
    if (thread_create("power button", stop, NULL) == NULL)
        log_warn("power: no memory for a thread: the power button was pressed in vain");
    return true;
}

// ---- listening ----------------------------------------------------------------------------------

// Returns: false for what cannot be an I/O port of a register block.
static bool port_get(const struct acpi_facts *facts, unsigned offset, uint16_t *port)
{
    uint32_t value = field(facts, offset, 4);
    *port = (uint16_t)value;
    return value != 0 && value < 0xff00;
}

// Events that the firmware had switched on would come without end: nobody here handles them.
static void general_events_off(const struct acpi_facts *facts)
{
    static const uint8_t blocks[][2] = {{GPE0_BLK, GPE0_BLK_LEN}, {GPE1_BLK, GPE1_BLK_LEN}};
    for (unsigned i = 0; i < ARRAY_COUNT(blocks); i++) {
        uint16_t port;
        unsigned half = field(facts, blocks[i][1], 1) / 2; // status, then as much to enable
        if (!port_get(facts, blocks[i][0], &port))
            continue;
        for (unsigned k = 0; k < half; k++)
            cpu_out8((uint16_t)(port + half + k), 0);
    }
}

// Has the firmware leave these registers to us. Returns: 0, or -ETIMEDOUT.
static int acpi_mode_enter(const struct acpi_facts *facts, uint16_t control_port)
{
    uint16_t command_port;
    uint8_t command = (uint8_t)field(facts, ACPI_ENABLE, 1);
    if (cpu_in16(control_port) & CONTROL_SCI)
        return 0;
    if (command != 0 && port_get(facts, SMI_CMD, &command_port))
        cpu_out8(command_port, command);
    for (unsigned i = 0; i < ENABLE_LOOKS_MAX; i++) {
        if (cpu_in16(control_port) & CONTROL_SCI)
            return 0;
        cpu_pause();
    }
    return -ETIMEDOUT;
}

static int listen(const struct acpi_facts *facts)
{
    static struct poller poller = {.name = "power", .poll = button_poll};
    uint16_t control_port;
    unsigned half = field(facts, PM1_EVT_LEN, 1) / 2;
    if (facts->fadt_bytes < FLAGS + 4 || field(facts, FLAGS, 4) & FLAG_NO_FIXED_BUTTON ||
        half < 2 || !port_get(facts, PM1A_EVT_BLK, &event_ports[0]) ||
        !port_get(facts, PM1A_CNT_BLK, &control_port))
        return -ENODEV;
    if (!port_get(facts, PM1B_EVT_BLK, &event_ports[1]))
        event_ports[1] = 0;
    int error = acpi_mode_enter(facts, control_port);
    int vector = error != 0 ? error : interrupt_allocate(hear, NULL);
    if (vector < 0)
        return vector;
    general_events_off(facts);
    for (unsigned i = 0; i < ARRAY_COUNT(event_ports) && event_ports[i] != 0; i++) {
        cpu_out16((uint16_t)(event_ports[i] + half), 0);
        cpu_out16(event_ports[i], PM1_ALL);
    }
    error = io_apic_route_sci(facts, field(facts, SCI_INT, 2), vector, &line);
    if (error != 0)
        return error;
    scheduler_add_marked_poller(&poller);
    for (unsigned i = 0; i < ARRAY_COUNT(event_ports) && event_ports[i] != 0; i++)
        cpu_out16((uint16_t)(event_ports[i] + half), PM1_BUTTON);
    return 0;
}

void power_button_start(const struct acpi_facts *facts)
{
    int error = listen(facts);
    if (error == -ENODEV)
        log_info("power: no power button that could be heard");
    else if (error != 0)
        log_warn("power: the power button is not heard: error %d", -error);
}
