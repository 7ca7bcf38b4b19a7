// SPDX-License-Identifier: MIT
// Protection, attacked: what should not work is done, and must end in a report that says so.
//   attack                     what there is
//   attack CASE [core=N]       this one, in a thread of that core (default 0)
// Returns: 1 if the attack had no effect, 2 for arguments that mean nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/attack/attacks.h"
#include "kernel/core.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define STATUS_USAGE 2
#define EFFECT_S     20 // more than any watchdog here takes

static const struct attack {
    const char *name, *what;
    void (*commit)(void);
} attacks[] = {
#define ATTACK_ROW(name, what) {#name, what, attack_##name},
    ATTACKS(ATTACK_ROW)
#undef ATTACK_ROW
};

static int list_attacks(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++)
        printf("%-20s %s\n", attacks[i].name, attacks[i].what);
    return 0;
}

static const struct attack *find_attack(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++)
        if (strcmp(attacks[i].name, name) == 0)
            return &attacks[i];
    return NULL;
}

// Returns: the core, or -1.
static int parse_core(const char *argument)
{
    char *end;
    if (strncmp(argument, "core=", 5) != 0)
        return -1;
    unsigned long core = strtoul(argument + 5, &end, 10);
    return end != argument + 5 && *end == '\0' && core < core_count() ? (int)core : -1;
}

static NOINLINE void attack_thread(void *argument)
{
    const struct attack *attack = argument;
    attack->commit();
    NOT_LAST();
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return list_attacks();
    const struct attack *attack = find_attack(argv[1]);
    if (attack == NULL) {
        printf("attack: there is no case \"%s\"; without an argument they are listed\n", argv[1]);
        return STATUS_USAGE;
    }
    int core = argc > 2 ? parse_core(argv[2]) : 0;
    if (core < 0 || argc > 3) {
        printf("attack: after the case there can be core=N, below %u, and nothing else\n",
               core_count());
        return STATUS_USAGE;
    }
    printf("attack: %s on core %d\n", attack->name, core);
    fflush(stdout); // by core 0: what another core says goes the same way, and could come too late
    int error = thread_create_on((unsigned)core, "attack", attack_thread, (void *)attack);
    if (error != 0) {
        printf("attack: no thread on core %d: %s\n", core, strerror(-error));
        return STATUS_USAGE;
    }
    thread_sleep_until(time_now_ns() + EFFECT_S * NS_PER_S);
    printf("attack: %s had no effect\n", attack->name);
    return 1;
}
