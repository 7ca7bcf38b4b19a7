// SPDX-License-Identifier: MIT
#include "tls/context.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "tls/context_internal.h"
#include "tls/core.h"

// ---- settings -----------------------------------------------------------------------------------

static bool cpu_has_aes(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    return (c >> 25 & 1) != 0 && (c >> 1 & 1) != 0; // and the carry-less product, for GCM
}

// In the order in which a server chooses. AES only comes first where the CPU does it.
static void choose_suites(struct tls_context *context)
{
    static const int aes[] = {
        MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
        MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    };
    static const int chacha20[] = {
        MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    };
    _Static_assert(ARRAY_COUNT(aes) + ARRAY_COUNT(chacha20) == TLS_SUITES, "each once");
    bool aes_first = cpu_has_aes();
    memcpy(context->suites + (aes_first ? 0 : ARRAY_COUNT(chacha20)), aes, sizeof(aes));
    memcpy(context->suites + (aes_first ? ARRAY_COUNT(aes) : 0), chacha20, sizeof(chacha20));
    context->suites[TLS_SUITES] = 0;
    mbedtls_ssl_conf_ciphersuites(&context->config, context->suites);
}

static struct tls_context *context_create(int endpoint, const char **protocols,
                                          char why[TLS_WHY_BYTES])
{
    struct tls_context *context = heap_alloc_zeroed(sizeof(*context));
    why[0] = '\0';
    if (context == NULL) {
        tls_explain(why, "no memory");
        return NULL;
    }
    mbedtls_ssl_config_init(&context->config);
    mbedtls_x509_crt_init(&context->certificates);
    mbedtls_pk_init(&context->key);
    mbedtls_ssl_ticket_init(&context->tickets);
    int error = tls_core_start();
    if (error == 0)
        error = mbedtls_ssl_config_defaults(
            &context->config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (error == 0 && protocols != NULL)
        error = mbedtls_ssl_conf_alpn_protocols(&context->config, protocols);
    if (error != 0) {
        tls_explain(why, "%s", tls_error_text(error));
        tls_context_destroy(context);
        return NULL;
    }
    mbedtls_ssl_conf_rng(&context->config, tls_random, NULL);
    choose_suites(context);
    return context;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context == NULL)
        return;
    tls_hosts_free(context);
    tls_sessions_free(context);
    mbedtls_ssl_ticket_free(&context->tickets);
    mbedtls_ssl_config_free(&context->config);
    mbedtls_pk_free(&context->key);
    mbedtls_x509_crt_free(&context->certificates);
    heap_free(context);
}

// ---- servers and clients -----------------------------------------------------------------------

struct tls_context *tls_server_create(const struct tls_pem *certificates, const struct tls_pem *key,
                                      const char **protocols, char why[TLS_WHY_BYTES])
{
    struct tls_context *context = context_create(MBEDTLS_SSL_IS_SERVER, protocols, why);
    if (context == NULL)
        return NULL;
    if (!tls_read_certificates(&context->certificates, certificates, true, why) ||
        !tls_read_key(&context->key, key, why)) {
        tls_context_destroy(context);
        return NULL;
    }
    if (mbedtls_pk_check_pair(&context->certificates.pk, &context->key, tls_random, NULL) != 0) {
        tls_explain(why, "the key in %s is not that of the first certificate in %s", key->name,
                    certificates->name);
        tls_context_destroy(context);
        return NULL;
    }
    int error = mbedtls_ssl_conf_own_cert(&context->config, &context->certificates, &context->key);
    if (error == 0)
        error = tls_tickets_start(context);
    if (error != 0) {
        tls_explain(why, "%s", tls_error_text(error));
        tls_context_destroy(context);
        return NULL;
    }
    return context;
}

struct tls_context *tls_client_create(const struct tls_pem *authorities, const char **protocols,
                                      char why[TLS_WHY_BYTES])
{
    struct tls_context *context = context_create(MBEDTLS_SSL_IS_CLIENT, protocols, why);
    if (context == NULL)
        return NULL;
    if (!tls_read_certificates(&context->certificates, authorities, false, why)) {
        tls_context_destroy(context);
        return NULL;
    }
    mbedtls_ssl_conf_authmode(&context->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &context->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    mbedtls_ssl_conf_ca_chain(&context->config, &context->certificates, NULL);
    return context;
}
