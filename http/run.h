// SPDX-License-Identifier: MIT
// A server as an app: its arguments, waiting for an address, listening on every core.
//   port=80            TCP port for plain HTTP
//   connections=1024   how many may be open; more end the oldest idle one
//   access_log=on      a line on the console for each request; or combined, or off
//   vhost=NAME:FOLDER  clients that ask for NAME get this folder of the files; repeatable
//   stop=10            seconds that answers under way have when the machine is to end
#pragma once

#include "kernel/compiler.h"

struct http_setting {
    const char *key; // without '='
    unsigned *value; // what holds without an argument
    unsigned min, max;
    const char *(*take)(const char *text); // if it is no number; returns NULL, or what is wrong
};

// Reads the app's arguments, "key=value" each: those above, and `more` of its own.
// Returns: 0, or 2 after saying on the console what is wrong, which main() returns.
int http_arguments(int argc, char **argv, const struct http_setting *more,
                   size_t more_count) MUST_CHECK;
// Serves on every core that has a network, until somebody wishes the end (kernel/stop.h): then
// nobody is let in any more, and the answers under way are finished. Context: a thread of core 0.
// Blocks. Returns: 0 then, or 1 after saying why it cannot serve, 2 for
// arguments that do not fit what is served.
int http_run(void);
// The same with HTTPS, by the certificate and key on the boot volume. Plain HTTP only if it is
// asked for: by option plain_http or argument port.
//   options tls_cert, tls_key, tls_hosts, tls_port, plain_http: see README.md
int http_run_secure(void);
// Its certificates on this core, for what shows them: `index` from 0 on. Returns: false beyond the
// last.
struct tls_certificate;
bool http_certificate(unsigned index, struct tls_certificate *out);

// ---- what both are made of

struct http_listening {
    bool plain;                              // HTTP, too
    int (*secure)(unsigned connections_max); // listens for HTTPS on this core, or NULL
    unsigned secure_port;
    void (*spread_done)(void); // all cores listen, or it failed; or NULL
};
int http_run_as(const struct http_listening *listening);
// Argument port was given.
bool http_port_is_given(void);
