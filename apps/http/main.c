// SPDX-License-Identifier: MIT
// The http app: a status page of the machine, metrics, and the files of www/.
//   port=80            TCP port to listen on
//   connections=1024   how many may be open; more end the oldest idle one
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/network.h"
#include "apps/http/site.h"
#include "http/server.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"

#define CONNECTIONS_MAX 65535
#define WAIT_NS         (10 * NS_PER_S) // between two lines that say what is missing

struct settings {
    unsigned port, connections_max;
};

// Reads "key=number". Returns: false after saying what is wrong with it.
static bool setting_read(const char *argument, struct settings *settings)
{
    const struct {
        const char *key;
        unsigned *value, max;
    } known[] = {
        {"port=", &settings->port, 65535},
        {"connections=", &settings->connections_max, CONNECTIONS_MAX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        size_t length = strlen(known[i].key);
        if (strncmp(argument, known[i].key, length) != 0)
            continue;
        char *end;
        const char *text = argument + length;
        unsigned long value = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || value < 1 || value > known[i].max) {
            log_warn("http: %s: not a number from 1 to %u", argument, known[i].max);
            return false;
        }
        *known[i].value = (unsigned)value;
        return true;
    }
    log_warn("http: %s: unknown; there are port=NUMBER and connections=NUMBER", argument);
    return false;
}

// Waits for an address, and says so as long as there is none.
static void address_wait(void)
{
    for (;;) {
        uint64_t deadline_ns = time_now_ns() + WAIT_NS;
        int ready = net_wait_ready(deadline_ns);
        if (ready == 0)
            return;
        log_warn(ready == -ENODEV
                     ? "http: no network device: nobody can reach this machine"
                     : "http: no address yet: no answer from a DHCP server, see option ip");
        thread_sleep_until(deadline_ns);
    }
}

// On each core. Each has its part of the connections.
static int serve_here(void *argument, unsigned cores)
{
    const struct settings *settings = argument;
    return http_server_start((uint16_t)settings->port,
                             (settings->connections_max + cores - 1) / cores);
}

int main(int argc, char **argv)
{
    struct settings settings = {.port = 80, .connections_max = HTTP_CONNECTIONS_DEFAULT};
    for (int i = 1; i < argc; i++) {
        if (!setting_read(argv[i], &settings))
            return 2;
    }
    site_serve();
    address_wait();
    int error = net_spread(serve_here, &settings);
    if (error) {
        log_warn("http: cannot listen on port %u: %s", settings.port, strerror(-error));
        return 1;
    }
    struct http_network network;
    http_network_get(&network);
    log_info("http: listening on %s:%u", network.address, settings.port);
    for (;;)
        thread_sleep_until(TIME_NEVER);
}
