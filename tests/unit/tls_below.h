// SPDX-License-Identifier: MIT
// What tests of tls/ put below it, and the certificates that they use.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "kernel/cpu.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "tls/context.h"

#define CERTIFICATES "build/unit/certificates/" // tests/certificates made them

static bool tls_below_strong = true; // random numbers
static uint64_t tls_below_now_ns;

void random_bytes(void *buffer, size_t size_bytes)
{
    assert_int_equal(getrandom(buffer, size_bytes, 0), size_bytes);
}

void random_seed(const void *data, size_t size_bytes)
{
    (void)data, (void)size_bytes;
    tls_below_strong = true;
}

bool random_is_strong(void)
{
    return tls_below_strong;
}

uint64_t time_now_ns(void)
{
    return tls_below_now_ns;
}

void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf));
}

static inline struct tls_pem tls_below_pem(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), CERTIFICATES "%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    size_t size_bytes = fread(text, 1, 65535, file);
    fclose(file);
    return (struct tls_pem){name, text, size_bytes};
}

static inline void tls_below_free(struct tls_pem *pem)
{
    free((char *)pem->text);
}

static inline struct tls_context *tls_below_server(const char *certificates, const char *key,
                                                   const char **protocols, char why[TLS_WHY_BYTES])
{
    struct tls_pem a = tls_below_pem(certificates), b = tls_below_pem(key);
    struct tls_context *context = tls_server_create(&a, &b, protocols, why);
    tls_below_free(&a);
    tls_below_free(&b);
    return context;
}

static inline struct tls_context *tls_below_client(const char *authorities, const char **protocols,
                                                   char why[TLS_WHY_BYTES])
{
    struct tls_pem a = tls_below_pem(authorities);
    struct tls_context *context = tls_client_create(&a, protocols, why);
    tls_below_free(&a);
    return context;
}
