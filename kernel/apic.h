// SPDX-License-Identifier: MIT
// The local APIC of this core, in whichever mode firmware left it: x2APIC (registers are MSRs) or
// xAPIC (registers are memory). Its mode is never changed downwards.
// Spec: Intel SDM volume 3, chapter 11.
#pragma once

#include "kernel/compiler.h"

// Core 0, under the firmware's page tables: INIT to every other core, so that it waits for its
// start-up. The sooner the better: firmware leaves them in code of its own whose memory is about to
// be used again, and where they spin there they take time from this one if both share a host's CPU.
void apic_reset_others(void);
// Core 0: finds the mode, maps the registers if they are memory: at the address that ACPI gives,
// or, if that is 0, the CPU's own. Panics when they cannot be mapped.
void apic_start(uint64_t registers_phys);
// Each core: turns the local APIC on, in core 0's mode, every local source masked.
void apic_start_core(void);
bool apic_is_x2apic(void);
// Whether interrupts can be sent to this local APIC: in xAPIC mode ids have 8 bits, 255 is
// everyone.
bool apic_reaches(uint32_t apic_id);

uint32_t apic_id(void);
// Of a core that has called apic_start_core().
uint32_t apic_id_of(unsigned core);
void apic_end_of_interrupt(void);
// Raises `vector` on another core.
void apic_send(uint32_t apic_id, uint8_t vector);
// Raises an NMI on another core, or on every core but this one.
void apic_send_nmi(uint32_t apic_id);
void apic_send_nmi_to_others(void);
void apic_send_startup(uint32_t apic_id, uint64_t page_phys);

// One-shot timer that raises VECTOR_TIMER, in ticks of apic_timer_hz; a count of 0 stops it.
void apic_timer_set(uint32_t count);
uint32_t apic_timer_left(void);
// The same by time stamp counter, where the CPU can: absolute, 0 stops it.
bool apic_has_tsc_deadline(void);
void apic_timer_set_tsc(uint64_t tsc);
