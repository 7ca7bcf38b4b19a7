// SPDX-License-Identifier: MIT
// Which of a server's certificates a client gets. Spec: RFC 6066 section 3 (SNI), RFC 9525 section
// 6 (names), RFC 5280 section 4.2.1.6 (where they are in a certificate).
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "kernel/heap.h"
#include "tls/context_internal.h"
#include "tls/core.h"

#define DNS_NAME     (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2)
#define RENEW_DAYS   30
#define DAY_S        86400
#define DATE_BYTES   16
#define KEY_END      "PRIVATE KEY-----"
#define EARLIEST_NOW 1577836800 // 2020-01-01: earlier is no time but a clock that was never set

struct tls_host {
    struct tls_host *next;
    mbedtls_x509_crt certificates;
    mbedtls_pk_context key;
};

// ---- names --------------------------------------------------------------------------------------

static bool name_fits(const mbedtls_x509_buf *pattern, const char *name, size_t length)
{
    const char *at = (const char *)pattern->p;
    size_t left = pattern->len;
    if (left > 2 && at[0] == '*' && at[1] == '.') { // one label, whatever it is
        const char *dot = memchr(name, '.', length);
        if (dot == NULL || dot == name)
            return false;
        length -= (size_t)(dot - name);
        name = dot;
        at++;
        left--;
    }
    return left == length && strncasecmp(at, name, length) == 0;
}

static bool is_for(const mbedtls_x509_crt *certificate, const char *name, size_t length)
{
    for (const mbedtls_x509_sequence *at = &certificate->subject_alt_names; at != NULL;
         at = at->next)
        if (at->buf.tag == DNS_NAME && name_fits(&at->buf, name, length))
            return true;
    return false;
}

// Called by Mbed TLS with what a client says.
static int choose(void *argument, mbedtls_ssl_context *ssl, const unsigned char *name,
                  size_t length)
{
    struct tls_context *context = argument;
    if (length > 1 && name[length - 1] == '.')
        length--;
    if (is_for(&context->certificates, (const char *)name, length))
        return 0;
    for (struct tls_host *host = context->hosts; host != NULL; host = host->next)
        if (is_for(&host->certificates, (const char *)name, length))
            return mbedtls_ssl_set_hs_own_cert(ssl, &host->certificates, &host->key);
    return 0;
}

// ---- adding -------------------------------------------------------------------------------------

static void host_free(struct tls_host *host)
{
    mbedtls_x509_crt_free(&host->certificates);
    mbedtls_pk_free(&host->key);
    heap_free(host);
}

void tls_hosts_free(struct tls_context *context)
{
    while (context->hosts != NULL) {
        struct tls_host *host = context->hosts;
        context->hosts = host->next;
        host_free(host);
    }
}

static bool read_host(struct tls_host *host, const struct tls_pem *pem, char why[TLS_WHY_BYTES])
{
    if (!tls_read_certificates(&host->certificates, pem, true, why) ||
        !tls_read_key(&host->key, pem, why))
        return false;
    if (mbedtls_pk_check_pair(&host->certificates.pk, &host->key, tls_random, NULL) == 0)
        return true;
    tls_explain(why, "%s: a key is not that of the first certificate in front of it", pem->name);
    return false;
}

// One host's part of the text. Returns: where it ends, NULL if no key does.
static const char *part_end(const char *text)
{
    const char *end = strstr(text, "-----END ");
    while (end != NULL) {
        size_t line = strcspn(end, "\r\n");
        if (line >= strlen(KEY_END) &&
            memcmp(end + line - strlen(KEY_END), KEY_END, strlen(KEY_END)) == 0)
            return end + line;
        end = strstr(end + line, "-----END ");
    }
    return NULL;
}

static int add_host(struct tls_context *context, const struct tls_pem *part,
                    char why[TLS_WHY_BYTES])
{
    struct tls_host *host = heap_alloc_zeroed(sizeof(*host));
    char *text = heap_alloc(part->size_bytes + 1);
    if (host == NULL || text == NULL) {
        tls_explain(why, "no memory");
        heap_free(host);
        heap_free(text);
        return -1;
    }
    memcpy(text, part->text, part->size_bytes);
    text[part->size_bytes] = '\0';
    mbedtls_x509_crt_init(&host->certificates);
    mbedtls_pk_init(&host->key);
    bool is_read = read_host(host, &(struct tls_pem){part->name, text, part->size_bytes}, why);
    mbedtls_platform_zeroize(text, part->size_bytes);
    heap_free(text);
    if (!is_read) {
        host_free(host);
        return -1;
    }
    struct tls_host **last = &context->hosts;
    while (*last != NULL)
        last = &(*last)->next;
    *last = host;
    return 0;
}

int tls_server_add_hosts(struct tls_context *context, const struct tls_pem *hosts,
                         char why[TLS_WHY_BYTES])
{
    const char *text = hosts->text, *end;
    why[0] = '\0';
    while ((end = part_end(text)) != NULL) {
        struct tls_pem part = {hosts->name, text, (size_t)(end - text)};
        if (add_host(context, &part, why) != 0)
            return -1;
        text = end;
    }
    if (context->hosts == NULL || strstr(text, "-----BEGIN ") != NULL) {
        tls_explain(why, "%s: its last certificate has no private key behind it", hosts->name);
        return -1;
    }
    mbedtls_ssl_conf_sni(&context->config, choose, context);
    return 0;
}

// ---- what there is ------------------------------------------------------------------------------

static int64_t unix_seconds(const mbedtls_x509_time *time)
{
    struct tm tm = {.tm_year = time->year - 1900,
                    .tm_mon = time->mon - 1,
                    .tm_mday = time->day,
                    .tm_hour = time->hour,
                    .tm_min = time->min,
                    .tm_sec = time->sec};
    return timegm(&tm);
}

static void judge_dates(struct tls_certificate *certificate)
{
    int64_t now_s = time(NULL), left_s = certificate->until_s - now_s;
    char from[DATE_BYTES], until[DATE_BYTES];
    time_t from_time = certificate->from_s, until_time = certificate->until_s;
    struct tm tm;
    strftime(from, sizeof(from), "%Y-%m-%d", gmtime_r(&from_time, &tm));
    strftime(until, sizeof(until), "%Y-%m-%d", gmtime_r(&until_time, &tm));
    if (now_s < EARLIEST_NOW)
        return;
    if (left_s < 0)
        tls_explain(certificate->warning, "expired on %s: clients will refuse it", until);
    else if (certificate->from_s > now_s)
        tls_explain(certificate->warning, "is valid only from %s on: clients will refuse it", from);
    else if (left_s < RENEW_DAYS * (int64_t)DAY_S)
        tls_explain(certificate->warning, "expires on %s, in %lld days: renew it", until,
                    (long long)(left_s / DAY_S));
}

bool tls_server_certificate(const struct tls_context *context, unsigned index,
                            struct tls_certificate *out)
{
    const mbedtls_x509_crt *found = &context->certificates;
    const struct tls_host *host = context->hosts;
    for (unsigned i = 0; i < index; i++, host = host->next) {
        if (host == NULL)
            return false;
        found = &host->certificates;
    }
    *out = (struct tls_certificate){.from_s = unix_seconds(&found->valid_from),
                                    .until_s = unix_seconds(&found->valid_to)};
    for (const mbedtls_x509_sequence *at = &found->subject_alt_names; at != NULL; at = at->next) {
        if (at->buf.tag != DNS_NAME || out->name[0] != '\0')
            continue;
        snprintf(out->name, sizeof(out->name), "%.*s", (int)at->buf.len, (const char *)at->buf.p);
    }
    judge_dates(out);
    return true;
}
