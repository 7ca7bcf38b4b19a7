// SPDX-License-Identifier: MIT
// Virtual hosts: a folder of the files for each name that clients call this machine by. All other
// names, and none, get what is served at the top.
// Spec: RFC 9110, 7.2 (Host); RFC 3986, 3.2.2 (names, IPv6 literals).
#pragma once

#include "kernel/compiler.h"

#define HTTP_HOSTS_MAX 64

struct http_host {
    const char *name; // without a port
    size_t name_length;
    const char *folder; // without '/' at either end
    size_t folder_length;
};

extern size_t http_hosts_count; // read-only once the server runs

// Adds "NAME:FOLDER", text that stays where it is. Context: before the server starts.
// Returns: NULL, or what is wrong with it.
const char *http_host_add(const char *text) MUST_CHECK;
// Returns: the name of a host whose folder holds no file, or NULL.
const char *http_host_without_files(void);
// Returns: the virtual host that the value of Host, or a target's authority, names: in any case,
// with any port or none, with or without a dot at its end. NULL: none.
const struct http_host *http_host_find(const char *host, size_t length);
// Returns: what it serves at a path, or NULL.
const struct http_resource *http_host_resource(const struct http_host *host, const char *path,
                                               size_t length);
