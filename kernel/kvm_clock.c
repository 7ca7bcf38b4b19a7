// SPDX-License-Identifier: MIT
#include "kernel/kvm_clock.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/time.h"

#define LEAF_FIRST          0x40000000u
#define LEAF_SECOND         0x40000100u // where KVM is when it also passes for Hyper-V
#define FEATURE_CLOCK       (1u << 3)
#define MSR_WALL_CLOCK      0x4b564d00u
#define MSR_SYSTEM_TIME     0x4b564d01u
#define SYSTEM_TIME_ENABLED 1u
#define READ_TRIES          1000

// What KVM writes: complete when the version is even and not 0.
struct system_time {
    volatile uint32_t version;
    uint32_t padding;
    volatile uint64_t tsc, time_ns; // the guest's time when its counter was `tsc`
    volatile uint32_t multiplier;   // ns = (ticks << shift) * multiplier / 2^32
    volatile int8_t shift;
    uint8_t flags, reserved[2];
};
struct wall_clock { // when the guest's time was 0
    volatile uint32_t version, seconds, nanoseconds;
};
_Static_assert(sizeof(struct system_time) == 32, "msr.rst");

static bool has_clock(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    if (!(c >> 31 & 1))
        return false;
    for (uint32_t leaf = LEAF_FIRST; leaf <= LEAF_SECOND; leaf += LEAF_SECOND - LEAF_FIRST) {
        uint32_t name[3];
        cpu_id(leaf, 0, &a, &name[0], &name[1], &name[2]);
        if (memcmp(name, "KVMKVMKVM\0\0", sizeof(name)) != 0)
            continue;
        cpu_id(leaf + 1, 0, &a, &b, &c, &d);
        return a & FEATURE_CLOCK;
    }
    return false;
}

static uint64_t scale(uint64_t ticks, uint32_t multiplier, int shift)
{
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

// Returns: false if KVM did not write it whole.
static bool read_whole(const struct system_time *shared, struct system_time *out)
{
    for (unsigned i = 0; i < READ_TRIES; i++) {
        uint32_t version = shared->version;
        *out = *shared;
        if (version != 0 && version % 2 == 0 && shared->version == version)
            return true;
        cpu_pause();
    }
    return false;
}

bool kvm_clock_read(struct kvm_clock *clock)
{
    static struct system_time shared __attribute__((aligned(64)));
    static struct wall_clock wall __attribute__((aligned(64)));
    struct system_time time;
    if (!has_clock())
        return false;
    cpu_write_msr(MSR_WALL_CLOCK, (uintptr_t)&wall);
    cpu_write_msr(MSR_SYSTEM_TIME, (uintptr_t)&shared | SYSTEM_TIME_ENABLED);
    bool is_whole = read_whole(&shared, &time);
    cpu_write_msr(MSR_SYSTEM_TIME, 0);
    if (!is_whole || time.multiplier == 0 || time.shift < -31 || time.shift > 31)
        return false;
    uint64_t hz = (NS_PER_S << 32) / time.multiplier;
    clock->tsc_hz = time.shift >= 0 ? hz >> time.shift : hz << -time.shift;
    clock->tsc = cpu_read_tsc();
    clock->wall_ns = 0; // not told
    if (wall.version != 0 && wall.version % 2 == 0)
        clock->wall_ns = wall.seconds * NS_PER_S + wall.nanoseconds + time.time_ns +
                         scale(clock->tsc - time.tsc, time.multiplier, time.shift);
    return true;
}
