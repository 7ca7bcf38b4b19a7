// SPDX-License-Identifier: MIT
// Which route a request has. How they are added is in http/http.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/compiler.h"

struct http_request;

// Finds the route of a target, as sent. Returns: 0 with the request in *request, NULL if there is
// none; its connection is for the caller to set. -EINVAL for a target that cannot be read, -ENOMEM.
// *allowed: a bit for each llhttp_method_t that a route of this path has.
int http_route_find(unsigned method, const char *target, size_t length,
                    struct http_request **request, uint64_t *allowed) MUST_CHECK;
