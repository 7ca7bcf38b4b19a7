// SPDX-License-Identifier: MIT
// Certificates and keys from their text, and what is wrong with it in words.
#include <string.h>

#include "tls/context_internal.h"
#include "tls/core.h"

bool tls_read_certificates(mbedtls_x509_crt *out, const struct tls_pem *pem, bool all,
                           char why[TLS_WHY_BYTES])
{
    if (strstr(pem->text, "-----BEGIN CERTIFICATE-----") == NULL) {
        tls_explain(why, "%s holds no certificate: there is no line -----BEGIN CERTIFICATE-----",
                    pem->name);
        return false;
    }
    // The NUL counts for Mbed TLS: that is how it knows PEM.
    int result = mbedtls_x509_crt_parse(out, (const unsigned char *)pem->text, pem->size_bytes + 1);
    if (result < 0)
        tls_explain(why, "%s cannot be used as a certificate: %s", pem->name,
                    tls_error_text(result));
    else if (result > 0 && all)
        tls_explain(why, "%s: %d of its certificates cannot be read", pem->name, result);
    else
        return true;
    return false;
}

bool tls_read_key(mbedtls_pk_context *out, const struct tls_pem *pem, char why[TLS_WHY_BYTES])
{
    const char *problem = NULL;
    if (strstr(pem->text, "PRIVATE KEY-----") == NULL)
        problem = "holds no private key: there is no line -----BEGIN PRIVATE KEY-----";
    else if (strstr(pem->text, "ENCRYPTED") != NULL)
        problem = "holds a key that wants a password: store it without";
    if (problem != NULL) {
        tls_explain(why, "%s %s", pem->name, problem);
        return false;
    }
    int error = mbedtls_pk_parse_key(out, (const unsigned char *)pem->text, pem->size_bytes + 1,
                                     NULL, 0, tls_random, NULL);
    if (error != 0)
        tls_explain(why, "%s cannot be used as a key: %s", pem->name, tls_error_text(error));
    return error == 0;
}
