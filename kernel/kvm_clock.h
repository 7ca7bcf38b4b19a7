// SPDX-License-Identifier: MIT
// What KVM tells of time: how fast the time stamp counter runs, and the date to the nanosecond.
// Spec: Linux, Documentation/virt/kvm/x86/cpuid.rst and msr.rst (KVM_FEATURE_CLOCKSOURCE2,
// MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW).
#pragma once

#include "kernel/compiler.h"

struct kvm_clock {
    uint64_t tsc_hz;
    uint64_t tsc;     // when this was read
    uint64_t wall_ns; // then, since 1970-01-01 UTC
};

// Asks once; KVM writes nothing afterwards. Context: core 0, memory identity-mapped.
// Returns: false on any other machine, or when what it says makes no sense.
bool kvm_clock_read(struct kvm_clock *clock) MUST_CHECK;
