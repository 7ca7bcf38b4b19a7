// SPDX-License-Identifier: MIT
#include "kernel/stop.h"

#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/sync.h"

// Core 0's.
static struct event wished;
static const char *wished_by;
static unsigned waiting;
static void (*handle)(void);

static void request(void *who)
{
    bool is_first = wished_by == NULL;
    wished_by = who;
    if (!is_first || (waiting == 0 && handle == NULL)) {
        log_info("toril: %s ends the machine%s", wished_by, is_first ? "" : " at once");
        power_end(0);
    }
    log_info("toril: %s asks for the end; a second time does not wait for it", wished_by);
    event_set(&wished);
    if (handle != NULL)
        handle();
}

void stop_request(const char *who)
{
    power_run_on_core_0(request, (void *)who);
}

const char *stop_wait(void)
{
    waiting++;
    event_wait(&wished);
    waiting--;
    return wished_by;
}

void stop_set_handler(void (*handler)(void))
{
    handle = handler;
}
