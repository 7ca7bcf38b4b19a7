// SPDX-License-Identifier: MIT
// Serial ports of type 16550 at I/O ports: 115200 baud, 8 data bits, no parity.
// A port that stops sending is given up on after some 50 ms, loses text from then on without
// holding anybody up, and says how much it lost when it sends again.
// Spec: PC16550D data sheet (National Semiconductor), chapter 8.
#pragma once

#include "kernel/console.h"

#define SERIAL_PORT_COM1 0x3F8
#define SERIAL_PORTS_MAX 2 // the customary one, and the one ACPI names

// Sets up the port at I/O address `port`.
// Returns: its console, or NULL when nothing answers there or it was returned before.
struct console_device *serial_find(uint16_t port);

// The ISA interrupt of the first port found, or -ENODEV when there is no port, or one without it.
int serial_input_irq(void) MUST_CHECK;
// From now on that port raises it while it holds bytes that came in.
void serial_input_start(void);
// One byte that came in at that port. Returns: 0..255, or -EAGAIN. Context: any.
int serial_input_take(void);
