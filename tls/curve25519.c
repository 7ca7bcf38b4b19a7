// SPDX-License-Identifier: MIT
// Public keys of X25519 by the code that Mbed TLS has for its shared secrets: its general one for
// all curves, which it takes for them else, needs eight times as long. psa_crypto_ecp.c, which
// TLS 1.3 makes its keys with, is compiled with tls_ecp_mul() in place of mbedtls_ecp_mul().
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/curve25519.h"

#include <mbedtls/platform_util.h>

#include <Hacl_Curve25519.h>

#define KEY_BYTES 32

static int public_key(mbedtls_ecp_point *out, const mbedtls_mpi *secret)
{
    uint8_t scalar[KEY_BYTES], point[KEY_BYTES], base[KEY_BYTES] = {9};
    int error = mbedtls_mpi_write_binary_le(secret, scalar, sizeof(scalar));
    if (error == 0) {
        Hacl_Curve25519_crypto_scalarmult(point, scalar, base);
        error = mbedtls_mpi_read_binary_le(&out->X, point, sizeof(point));
    }
    if (error == 0)
        error = mbedtls_mpi_lset(&out->Z, 1);
    mbedtls_platform_zeroize(scalar, sizeof(scalar));
    return error;
}

int tls_ecp_mul(mbedtls_ecp_group *group, mbedtls_ecp_point *out, const mbedtls_mpi *scalar,
                const mbedtls_ecp_point *point, int (*random)(void *, unsigned char *, size_t),
                void *random_context)
{
    if (group->id == MBEDTLS_ECP_DP_CURVE25519 && point == &group->G)
        return public_key(out, scalar);
    return mbedtls_ecp_mul(group, out, scalar, point, random, random_context);
}
