// SPDX-License-Identifier: MIT
// Addresses of resources: http://HOST[:PORT][/PATH][?QUERY] and https:. Spec: RFC 3986, RFC 9110
// section 4.2.
#pragma once

#include "kernel/compiler.h"

#define URL_BYTES_MAX 2048

struct url {
    bool secure;
    char host[256]; // a name, or an address without brackets
    uint16_t port;
    char target[URL_BYTES_MAX]; // what is asked for: path and query, beginning with '/'
    char authority[272];        // as in field Host: with the port, unless it is the usual one
};

// Returns: true, or false if it is none that can be fetched.
bool url_parse(const char *text, struct url *url);
// Makes of `url` what it leads to by a redirection: a whole URL, or a path on the same host.
bool url_follow(struct url *url, const char *location);
