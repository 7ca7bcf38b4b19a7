// SPDX-License-Identifier: MIT
// Whom a client trusts: the bundle of authorities on the boot volume, \tls\ca.pem, or what option
// tls_ca names. On Debian /etc/ssl/certs/ca-certificates.crt is such a file.
#pragma once

#include "tls/context.h"

// A context of this core for connections to servers that those vouch for. It takes some 3 KiB for
// each of them, so one is enough for all connections. Context: the first call on core 0. Returns:
// NULL with the reason in `why`.
struct tls_context *tls_client_create_trusting(const char **protocols,
                                               char why[TLS_WHY_BYTES]) MUST_CHECK;
