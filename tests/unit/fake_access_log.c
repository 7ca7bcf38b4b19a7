// SPDX-License-Identifier: MIT
// For tests without http/access_log.c: it is off.
#include "http/access_log.h"

__attribute__((weak)) enum http_access_log http_access_log;

__attribute__((weak)) void http_access_log_write(const struct http_access *access)
{
    (void)access;
}
