// SPDX-License-Identifier: MIT
// What each core counted, in one table: the console's key `c` and the path /metrics of app http
// show all of it. A core counts in core-local variables, so an event costs one instruction.
//
// To add one: a row of COUNTERS here and `counters.NAME++` where it happens; or, for what is kept
// elsewhere already, a row of a table that counters_add() takes.
#pragma once

#include "kernel/compiler.h"

// NAME, help text.
#define COUNTERS(ROW)                                                                              \
    ROW(exchange_sent, "Messages sent to cores.")                                                  \
    ROW(exchange_taken, "Messages from cores taken.")                                              \
    ROW(exchange_bells, "Cores told that something is in their slot.")                             \
    ROW(exchange_wakes, "Cores interrupted in their halt for it.")                                 \
    ROW(timers_expired, "Timers expired.")

#define COUNTERS_FIELD(name, help) uint64_t name;
// Only their own core writes them.
struct counters {
    COUNTERS(COUNTERS_FIELD)
};
extern PERCORE struct counters counters;

// One row: of each core a number. The name is in words joined by `_`, without a unit.
enum counter_kind {
    COUNTER_EVENTS, // only grows, like all but gauges
    COUNTER_BYTES,
    COUNTER_NS,
    GAUGE_COUNT,
    GAUGE_BYTES,
};
// What is counted of several things apart, of each on each core.
struct counter_items {
    const char *label; // what the things are: "device"
    unsigned (*count)(void);
    const char *(*name)(unsigned item);
    uint64_t (*read)(unsigned item, unsigned core, size_t offset);
};
struct counter {
    const char *name, *help;
    enum counter_kind kind;
    uint64_t (*read)(unsigned core, size_t offset); // `core` is online
    size_t offset;                                  // what else read() gets
    const struct counter_items *items; // read() has the sum over these; NULL: there are none
};
struct counter_group {
    const struct counter *rows;
    size_t count;
    struct counter_group *next; // counters.c's
};

// Adds rows. Owns: the group, for good. Context: core 0 while booting.
void counters_add(struct counter_group *group);
// Calls visit() for each row.
void counters_each(void (*visit)(const struct counter *counter, void *context), void *context);
