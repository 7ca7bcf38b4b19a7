// SPDX-License-Identifier: MIT
#include "http/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/access_log.h"
#include "http/hosts.h"
#include "http/server.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/stop.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"
#include "smp/remote.h"

#define WAIT_NS (10 * NS_PER_S)  // between two lines that say what is missing
#define LOOK_NS (20 * NS_PER_MS) // at what is still under way

static unsigned port, connections_max = HTTP_CONNECTIONS_DEFAULT, stop_s = 10;

static const struct http_setting own[] = {
    {"port", &port, 1, 65535, NULL},      {"connections", &connections_max, 1, 65535, NULL},
    {"stop", &stop_s, 0, 3600, NULL},     {"access_log", NULL, 0, 0, http_access_log_set},
    {"vhost", NULL, 0, 0, http_host_add},
};

// ---- arguments ----------------------------------------------------------------------------------

static const struct http_setting *setting_find(const struct http_setting *settings, size_t count,
                                               const char *argument)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(settings[i].key);
        if (strncmp(argument, settings[i].key, length) == 0 && argument[length] == '=')
            return &settings[i];
    }
    return NULL;
}

static int setting_read(const char *argument, const struct http_setting *setting)
{
    const char *text = argument + strlen(setting->key) + 1;
    const char *wrong = setting->take ? setting->take(text) : NULL;
    char *end;
    if (wrong)
        log_warn("http: %s: %s", argument, wrong);
    if (setting->take)
        return wrong ? 2 : 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < setting->min || value > setting->max) {
        log_warn("http: %s: not a number from %u to %u", argument, setting->min, setting->max);
        return 2;
    }
    *setting->value = (unsigned)value;
    return 0;
}

static void say_unknown(const char *argument, const struct http_setting *more, size_t more_count)
{
    char known[128] = "";
    for (size_t i = 0; i < ARRAY_COUNT(own) + more_count; i++) {
        const struct http_setting *setting =
            i < ARRAY_COUNT(own) ? &own[i] : &more[i - ARRAY_COUNT(own)];
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s=%s", i ? ", " : "", setting->key,
                 setting->take ? "..." : "NUMBER");
    }
    log_warn("http: %s: unknown; there are %s", argument, known);
}

int http_arguments(int argc, char **argv, const struct http_setting *more, size_t more_count)
{
    for (int i = 1; i < argc; i++) {
        const struct http_setting *setting = setting_find(own, ARRAY_COUNT(own), argv[i]);
        if (!setting)
            setting = setting_find(more, more_count, argv[i]);
        if (!setting)
            say_unknown(argv[i], more, more_count);
        if (!setting || setting_read(argv[i], setting) != 0)
            return 2;
    }
    return 0;
}

// ---- the server ---------------------------------------------------------------------------------

// Waits for an address, and says so as long as there is none.
static void address_wait(void)
{
    for (;;) {
        uint64_t deadline_ns = time_now_ns() + WAIT_NS;
        int ready = net_wait_ready(deadline_ns);
        if (ready == 0)
            return;
        log_warn(
            ready == -ENODEV
                ? "http: no network device: nobody can reach this machine"
                : "http: no address yet: no DHCP server or router answers, see options ip and ip6");
        thread_sleep_until(deadline_ns);
    }
}

// On each core. Each has its part of the connections.
static int serve_here(void *argument, unsigned cores)
{
    const struct http_listening *listening = argument;
    unsigned share = (connections_max + cores - 1) / cores;
    int error = http_access_log == HTTP_LOG_OFF ? 0 : http_access_log_start_core();
    if (error == 0 && listening->plain)
        error = http_server_start((uint16_t)port, share);
    return error == 0 && listening->secure ? listening->secure(share) : error;
}

bool http_port_is_given(void)
{
    return port != 0;
}

static void stop_here(void *argument)
{
    (void)argument;
    http_server_stop();
}

static void count_left(void *left)
{
    *(unsigned *)left += http_server_left();
}

static void on_all_cores(void (*function)(void *argument), void *argument)
{
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            remote_call(core, function, argument);
}

// Lets what is under way come to its end, up to a time limit.
static void finish(void)
{
    uint64_t deadline_ns = time_now_ns() + stop_s * NS_PER_S;
    unsigned left = 0;
    on_all_cores(stop_here, NULL);
    on_all_cores(count_left, &left);
    log_info("http: nobody is let in any more; answers under way: %u", left);
    while (left > 0 && time_now_ns() < deadline_ns) {
        thread_sleep_until(time_now_ns() + LOOK_NS);
        left = 0;
        on_all_cores(count_left, &left);
    }
    if (http_access_log != HTTP_LOG_OFF)
        http_access_log_finish(deadline_ns);
    if (left > 0)
        log_warn("http: %u answers are cut off: they took longer than %u s (argument stop)", left,
                 stop_s);
}

static void say_listening(unsigned on_port, const char *how)
{
    struct net_facts facts;
    bool known = net_facts(&facts);
    if (known && !facts.has_address && facts.address6[0] != '\0')
        log_info("http: listening on [%s]:%u%s", facts.address6, on_port, how);
    else
        log_info("http: listening on %s:%u%s", known ? facts.address : "?", on_port, how);
}

int http_run_as(const struct http_listening *listening)
{
    struct http_listening on_each_core = *listening;
    const char *empty = http_host_without_files();
    if (empty) {
        log_warn("http: vhost=%s: there are no files in that folder", empty);
        return 2;
    }
    if (port == 0)
        port = 80;
    address_wait();
    int error = http_access_log == HTTP_LOG_OFF ? 0 : http_access_log_start();
    if (error == 0)
        error = net_spread(serve_here, &on_each_core);
    if (listening->spread_done)
        listening->spread_done();
    if (error) {
        log_warn("http: cannot listen on port %u: %s",
                 listening->plain ? port : listening->secure_port, strerror(-error));
        return 1;
    }
    if (listening->plain)
        say_listening(port, "");
    if (listening->secure)
        say_listening(listening->secure_port, " with TLS");
    (void)stop_wait();
    finish();
    return 0;
}

int http_run(void)
{
    return http_run_as(&(struct http_listening){.plain = true});
}
