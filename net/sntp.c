// SPDX-License-Identifier: MIT
#include "net/sntp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/ntp_servers.h"
#include "net/resolve.h"
#include "net/sntp_message.h"
#include "net/socket.h"

#define PORT_NTP      123
#define PATIENCE_NS   (2 * NS_PER_S) // for an answer
#define RESOLVE_NS    (20 * NS_PER_S)
#define RETRY_FIRST_S 2    // after no answer, then twice as long each time
#define INTERVAL_S    1024 // after an answer: a clock that is wrong by 100 ppm is 0.1 s off then
#define STEP_TOLD_NS  (NS_PER_S / 2)

OPTION_TEXT(ntp, "ADDRESS or name of a time server, or dhcp: the date is asked for there");

static bool is_set; // it was, by this; core 0's

// Returns: 0 with an address, or a negative errno and in *why what it means.
static int find_server(const char *name, ip_addr_t *server, const char **why)
{
    struct net_resolved found;
    if (strcmp(name, "dhcp") == 0) {
        *why = "the DHCP server names none";
        return net_ntp_server(server) ? 0 : -ENOENT;
    }
    int error = net_resolve(name, NET_FAMILY_ANY, &found, time_now_ns() + RESOLVE_NS);
    *why = net_resolve_error(error);
    if (error == 0)
        *server = found.addresses[0];
    return error;
}

// Returns: NULL, or why there is no time.
static const char *ask(struct udp_socket *socket, const struct socket_address *server,
                       struct sntp_time *out)
{
    uint8_t message[SNTP_BYTES];
    uint64_t nonce = (uint64_t)random_u32() << 32 | random_u32();
    sntp_write(message, nonce);
    uint64_t sent_ns = time_now_ns();
    int error = udp_socket_send(socket, message, sizeof(message), server);
    if (error != 0)
        return strerror(-error);
    for (;;) {
        struct socket_address from;
        ssize_t size =
            udp_socket_receive(socket, message, sizeof(message), &from, sent_ns + PATIENCE_NS);
        if (size < 0)
            return "no answer";
        if (from.port != server->port || !ip_addr_cmp(&from.ip, &server->ip))
            continue;
        const char *wrong = sntp_read(message, (size_t)size, nonce, sent_ns, time_now_ns(), out);
        if (wrong == NULL || wrong[0] != '\0')
            return wrong;
    }
}

static void set_clock(const struct sntp_time *time, const char *name)
{
    int64_t step_ns = time->wall_ns - clock_wall_ns();
    clock_set_wall(time->wall_ns);
    if (is_set && llabs(step_ns) < (long long)STEP_TOLD_NS) {
        log_debug("ntp: %s: the clock was %lld us off", name, (long long)step_ns / 1000);
        return;
    }
    is_set = true;
    time_t seconds = (time_t)(time->wall_ns / (int64_t)NS_PER_S);
    struct tm date;
    char text[32];
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime_r(&seconds, &date));
    log_info("ntp: it is %s UTC, says %s (stratum %u, within %llu ms); the clock was %lld ms off",
             text, name, time->stratum,
             (unsigned long long)((time->round_trip_ns / 2 + NS_PER_MS - 1) / NS_PER_MS),
             (long long)step_ns / (long long)NS_PER_MS);
}

// Returns: NULL when the clock was set, or why not.
static const char *ask_once(const char *name)
{
    struct socket_address server = {.port = PORT_NTP};
    struct udp_socket *socket;
    struct sntp_time time;
    const char *why;
    if (find_server(name, &server.ip, &why) != 0)
        return why;
    if (udp_socket_open(0, &socket) != 0)
        return "no memory";
    why = ask(socket, &server, &time);
    udp_socket_close(socket);
    if (why == NULL)
        set_clock(&time, name);
    return why;
}

static void keep_time(void *argument)
{
    const char *name = argument;
    const char *told = "";
    for (uint64_t retry_s = RETRY_FIRST_S;;) {
        const char *why = ask_once(name);
        uint64_t wait_s = INTERVAL_S;
        if (why == NULL) {
            retry_s = RETRY_FIRST_S;
            told = "";
        } else {
            if (strcmp(told, why) != 0)
                log_warn("ntp: %s: %s: asking again", name, why);
            told = why;
            wait_s = retry_s;
            retry_s = 2 * retry_s < INTERVAL_S ? 2 * retry_s : INTERVAL_S;
        }
        thread_sleep_until(time_now_ns() + wait_s * NS_PER_S);
    }
}

void net_sntp_start(void)
{
    const char *name = option_get("ntp");
    if (name != NULL && thread_create("ntp", keep_time, (void *)name) == NULL)
        log_warn("ntp: no memory for its thread: the clock is not set");
}
