// SPDX-License-Identifier: MIT
// A function that Mbed TLS calls in place of its own.
#pragma once

#include <mbedtls/ecp.h>

#include "kernel/compiler.h"

// As mbedtls_ecp_mul(): *out = scalar * point.
int tls_ecp_mul(mbedtls_ecp_group *group, mbedtls_ecp_point *out, const mbedtls_mpi *scalar,
                const mbedtls_ecp_point *point, int (*random)(void *, unsigned char *, size_t),
                void *random_context);
