// SPDX-License-Identifier: MIT
// Serial ports of type 16550 at I/O ports, only for sending: 115200 baud, 8 data bits, no parity.
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
