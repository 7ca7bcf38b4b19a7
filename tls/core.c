// SPDX-License-Identifier: MIT
#include "tls/core.h"

#include <mbedtls/error.h>
#include <mbedtls/hkdf.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "tls/context.h"

#define SECRET_BYTES 32

// Written by tls_start(), before any other core comes here; read-only then.
static uint8_t secret[SECRET_BYTES];
static bool started;
static PERCORE bool core_started;

int tls_start(char why[TLS_WHY_BYTES])
{
    if (started)
        return 0;
    if (!random_is_strong()) {
        snprintf(
            why, TLS_WHY_BYTES,
            "keys could be guessed: neither the firmware (EFI_RNG) nor the CPU (RDSEED, RDRAND) "
            "gave random numbers; add a virtio-rng device");
        return -1;
    }
    random_bytes(secret, sizeof(secret));
    started = true;
    return 0;
}

int tls_derive(const char *purpose, uint64_t number, uint8_t *out, size_t size_bytes)
{
    uint8_t information[40] = {0};
    size_t length = strlen(purpose);
    ASSERT(started && length <= sizeof(information) - sizeof(number));
    memcpy(information, &number, sizeof(number));
    memcpy(information + sizeof(number), purpose, length);
    return mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), NULL, 0, secret,
                        sizeof(secret), information, sizeof(information), out, size_bytes);
}

// A device for random numbers seeds only the core that asks it: the others have it from there.
static int seed_here(void)
{
    uint8_t seed[SECRET_BYTES];
    int error = tls_derive("seed", core_index(), seed, sizeof(seed));
    if (error == 0)
        random_seed(seed, sizeof(seed));
    memset(seed, 0, sizeof(seed));
    return error;
}

int tls_core_start(void)
{
    if (core_started)
        return 0;
    int error = random_is_strong() ? 0 : seed_here();
    if (error != 0)
        return error;
    if (psa_crypto_init() != PSA_SUCCESS)
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    core_started = true;
    return 0;
}

int tls_random(void *unused, unsigned char *out, size_t size_bytes)
{
    (void)unused;
    if (!random_is_strong())
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    random_bytes(out, size_bytes);
    return 0;
}

// Called by Mbed TLS.
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t output_size,
                                             size_t *output_length)
{
    (void)context;
    if (tls_random(NULL, output, output_size) != 0)
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    *output_length = output_size;
    return PSA_SUCCESS;
}
