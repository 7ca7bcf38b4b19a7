// SPDX-License-Identifier: MIT
// The kernel's own checks, in the machine: a verdict a case.
//   selftest                       every case
//   selftest NAME...               these cases
//   selftest list                  their names
//   selftest fault=KIND [core=N]   one fault on purpose, to see what its report looks like
// Returns: the number of failed cases, at most 100; 2 for arguments that mean nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/faults.h"
#include "kernel/panic.h"
#include "kernel/time.h"

#define STATUS_USAGE 2
#define STATUS_MAX   100
#define HANG_S       150 // of one case; more than RUN_HANG_S, which knows more

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE_ROW(name) {#name, case_##name},
    CASES(CASE_ROW)
#undef CASE_ROW
};

static unsigned passed, failed;

static void hangs(struct timer *timer)
{
    (void)timer;
    panic("selftest: %s: hangs: it has not ended after %u s", check_case_name(), HANG_S);
}

static void run_case(size_t i)
{
    static struct timer watchdog = {.expired = hangs};
    timer_start(&watchdog, time_now_ns() + HANG_S * NS_PER_S);
    check_begin(cases[i].name);
    cases[i].run();
    timer_stop(&watchdog);
    const char *failure = check_failure();
    if (failure == NULL) {
        passed++;
        printf("PASS %s\n", cases[i].name);
    } else {
        failed++;
        printf("FAIL %s: %s\n", cases[i].name, failure);
    }
    fflush(stdout);
}

// Returns: the place of the case in the table, or -1.
static int find_case(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (strcmp(cases[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int list_cases(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        printf("%s\n", cases[i].name);
    return 0;
}

static int commit_fault(int argc, char **argv)
{
    unsigned long core = 0;
    for (int i = 2; i < argc; i++) {
        char *end = NULL;
        if (strncmp(argv[i], "core=", 5) == 0)
            core = strtoul(argv[i] + 5, &end, 10);
        if (end == NULL || end == argv[i] + 5 || *end != '\0') {
            printf("selftest: \"%s\" after fault= means nothing: core=N is all there can be\n",
                   argv[i]);
            return STATUS_USAGE;
        }
    }
    return fault_commit(argv[1] + strlen("fault="), (unsigned)core);
}

static int run_named(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (find_case(argv[i]) < 0) {
            printf("selftest: there is no case \"%s\"; argument list shows them\n", argv[i]);
            return STATUS_USAGE;
        }
    }
    for (int i = 1; i < argc; i++)
        run_case((size_t)find_case(argv[i]));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strncmp(argv[1], "fault=", 6) == 0)
        return commit_fault(argc, argv);
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list_cases();
    if (argc > 1) {
        int status = run_named(argc, argv);
        if (status != 0)
            return status;
    } else {
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
            run_case(i);
    }
    printf("selftest: %u passed, %u failed\n", passed, failed);
    return failed < STATUS_MAX ? (int)failed : STATUS_MAX;
}
