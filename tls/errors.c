// SPDX-License-Identifier: MIT
// Errors of Mbed TLS in words: those that people meet.
#include <mbedtls/asn1.h>
#include <mbedtls/base64.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <stdarg.h>
#include <stdio.h>

#include "tls/context_internal.h"

void tls_explain(char why[TLS_WHY_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, TLS_WHY_BYTES, format, arguments);
    va_end(arguments);
}

static const struct {
    int error;
    const char *text;
} texts[] = {
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "no common version: 1.2 and 1.3 are spoken here"},
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "nothing in common: ciphers, groups or signatures"},
    {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, "no common protocol (ALPN)"},
    {MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, "the other side refused"},
    {MBEDTLS_ERR_SSL_INVALID_RECORD, "what came is no TLS"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_RECORD, "a record that does not belong here"},
    {MBEDTLS_ERR_SSL_INVALID_MAC, "a record was changed on its way"},
    {MBEDTLS_ERR_SSL_DECODE_ERROR, "a message is malformed"},
    {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, "a message says what is not allowed"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, "a message that does not belong here"},
    {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, "an extension that was not asked for"},
    {MBEDTLS_ERR_SSL_BAD_CERTIFICATE, "the certificate cannot be used"},
    {MBEDTLS_ERR_SSL_ALLOC_FAILED, "no memory"},
    {MBEDTLS_ERR_SSL_CONN_EOF, "the connection ended"},
    {MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, "the certificate is not trusted"},
    {MBEDTLS_ERR_X509_ALLOC_FAILED, "no memory"},
    {MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG, "signed in a way that is not known"},
    {MBEDTLS_ERR_X509_UNKNOWN_OID, "it says something that is not known"},
    {MBEDTLS_ERR_X509_CERT_UNKNOWN_FORMAT, "no certificate in PEM"},
    {MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT,
     "no whole block -----BEGIN ...-----, -----END ...-----"},
    {MBEDTLS_ERR_PEM_PASSWORD_REQUIRED, "it wants a password: store it without"},
    {MBEDTLS_ERR_PK_PASSWORD_REQUIRED, "it wants a password: store it without"},
    {MBEDTLS_ERR_PK_ALLOC_FAILED, "no memory"},
    {MBEDTLS_ERR_PK_UNKNOWN_PK_ALG, "a kind of key that is not known: RSA, P-256 and P-384 are"},
    {MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE, "a curve that is not known: P-256 and P-384 are"},
};

const char *tls_error_text(int error)
{
    static PERCORE char other[48];
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (texts[i].error == error)
            return texts[i].text;
    // Errors of two layers are added up: the higher one is in bits 7 to 15. Then the text's form.
    int low = -error & 0x7f;
    if (low >= -MBEDTLS_ERR_ASN1_OUT_OF_DATA && low <= -MBEDTLS_ERR_ASN1_BUF_TOO_SMALL)
        return "it is damaged";
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (low != 0 && texts[i].error == -(-error & 0xff80))
            return texts[i].text;
    if (low == -MBEDTLS_ERR_BASE64_INVALID_CHARACTER)
        return "it is damaged";
    snprintf(other, sizeof(other), "error -%#x of Mbed TLS", (unsigned)-error);
    return other;
}

const char *tls_verify_text(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } reasons[] = {
        {MBEDTLS_X509_BADCERT_CN_MISMATCH, "the certificate is for another name"},
        {MBEDTLS_X509_BADCERT_EXPIRED, "the certificate has expired"},
        {MBEDTLS_X509_BADCERT_FUTURE,
         "the certificate is not valid yet; is this machine's clock set?"},
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED,
         "the certificate leads to no authority that is trusted here"},
        {MBEDTLS_X509_BADCERT_BAD_MD, "the certificate is signed with a weak hash"},
        {MBEDTLS_X509_BADCERT_BAD_KEY, "the certificate's key is weak"},
        {MBEDTLS_X509_BADCERT_BAD_PK, "the certificate's key is of a kind that is not taken"},
        {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "the certificate is for another use"},
        {MBEDTLS_X509_BADCERT_KEY_USAGE, "the certificate is for another use"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (flags & reasons[i].flag)
            return reasons[i].text;
    return tls_error_text(MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
}
