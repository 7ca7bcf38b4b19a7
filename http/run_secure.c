// SPDX-License-Identifier: MIT
// HTTPS for an app: what to listen for, and the certificate and key that the boot volume has for
// it.
#include <errno.h>

#include "http/run.h"
#include "http/secure.h"
#include "kernel/boot_files.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"

#define PEM_BYTES_MAX   65536
#define HOSTS_BYTES_MAX (1u << 20)

OPTION_TEXT(tls_cert, "file with the server's certificates; without it \\tls\\cert.pem");
OPTION_TEXT(tls_key, "file with their key; without it \\tls\\key.pem");
OPTION_TEXT(tls_hosts, "file with certificates and keys of further hosts");
OPTION_NUMBER(tls_port, 1, 65535, "port of HTTPS");
OPTION_CHOICE(plain_http, "on|off", "serve HTTP without TLS, too");
BOOT_FILE(tls_cert, "\\tls\\cert.pem", PEM_BYTES_MAX);
BOOT_FILE(tls_key, "\\tls\\key.pem", PEM_BYTES_MAX);
BOOT_FILE(tls_hosts, "\\tls\\hosts.pem", HOSTS_BYTES_MAX);

static uint16_t tls_port;
static PERCORE struct tls_context *own; // of this core's server

static struct tls_pem pem_of(const struct boot_file *file)
{
    return (struct tls_pem){file->path, file->data, file->size_bytes};
}

bool http_certificate(unsigned index, struct tls_certificate *out)
{
    return own != NULL && tls_server_certificate(own, index, out);
}

static void warn_of_dates(const struct tls_context *context)
{
    struct tls_certificate certificate;
    for (unsigned i = 0; tls_server_certificate(context, i, &certificate); i++)
        if (certificate.warning[0] != '\0')
            log_warn("http: the certificate in %s%s%s %s",
                     i == 0 ? boot_file_tls_cert.path : boot_file_tls_hosts.path,
                     certificate.name[0] != '\0' ? " for " : "", certificate.name,
                     certificate.warning);
}

static struct tls_context *with_hosts(struct tls_context *context, char why[TLS_WHY_BYTES])
{
    struct tls_pem hosts = pem_of(&boot_file_tls_hosts);
    if (context == NULL || boot_file_tls_hosts.state != BOOT_FILE_READ ||
        tls_server_add_hosts(context, &hosts, why) == 0)
        return context;
    tls_context_destroy(context);
    return NULL;
}

// Returns: this core's, or NULL after saying why there is none.
static struct tls_context *context_here(void)
{
    // The second is what curl --http1.0 offers alone; which version is spoken, each request says.
    static const char *protocols[] = {"http/1.1", "http/1.0", NULL};
    char why[TLS_WHY_BYTES];
    struct tls_pem certificates = pem_of(&boot_file_tls_cert), key = pem_of(&boot_file_tls_key);
    struct tls_context *context =
        with_hosts(tls_server_create(&certificates, &key, protocols, why), why);
    if (context == NULL)
        log_error("http: no HTTPS: %s", why);
    else if (core_index() == 0)
        warn_of_dates(context);
    return context;
}

// Each core makes its own.
static int listen_here(unsigned connections_max)
{
    struct tls_context *context = context_here();
    if (context == NULL)
        return -EINVAL;
    int error = http_server_start_secure(tls_port, connections_max, context);
    if (error != 0)
        tls_context_destroy(context);
    else
        own = context;
    return error;
}

// The cores have the keys in their contexts: their text is needed no more.
static void forget_keys(void)
{
    boot_file_forget(&boot_file_tls_key);
    boot_file_forget(&boot_file_tls_hosts);
}

// Returns: true if the file is there; else it has been said why not.
static bool is_there(const struct boot_file *file, const char *what)
{
    switch (file->state) {
    case BOOT_FILE_READ:
        return true;
    case BOOT_FILE_ABSENT:
        log_error("http: no HTTPS: the boot volume has no file %s, the %s: see option %s",
                  file->path, what, file->option);
        return false;
    case BOOT_FILE_TOO_LARGE:
        log_error("http: no HTTPS: %s, the %s, is larger than %zu bytes", file->path, what,
                  file->bytes_max);
        return false;
    default:
        log_error("http: no HTTPS: the firmware cannot read %s, the %s", file->path, what);
        return false;
    }
}

// Nothing of a certificate: neither file is there, and no option says that one should be.
static bool is_plain_machine(void)
{
    const struct boot_file *files[] = {&boot_file_tls_cert, &boot_file_tls_key};
    for (unsigned i = 0; i < ARRAY_COUNT(files); i++)
        if (files[i]->named || files[i]->state != BOOT_FILE_ABSENT)
            return false;
    return true;
}

int http_run_secure(void)
{
    struct http_listening listening = {
        .plain = option_get_bool("plain_http", false) || http_port_is_given(),
        .secure = listen_here,
        .secure_port = tls_port = (uint16_t)option_get_number("tls_port", 443, 1, 65535),
        .spread_done = forget_keys,
    };
    char why[TLS_WHY_BYTES];
    if (is_plain_machine()) {
        log_info("http: no HTTPS: the boot volume has no %s with %s", boot_file_tls_cert.path,
                 boot_file_tls_key.path);
        if (listening.plain)
            return http_run();
        log_error("http: plain HTTP is served only if it is asked for: option plain_http=on");
        return 1;
    }
    bool has_hosts = boot_file_tls_hosts.named || boot_file_tls_hosts.state != BOOT_FILE_ABSENT;
    if (!is_there(&boot_file_tls_cert, "certificate") || !is_there(&boot_file_tls_key, "key") ||
        (has_hosts && !is_there(&boot_file_tls_hosts, "certificates of further hosts")))
        return 1;
    if (tls_start(why) != 0) {
        log_error("http: no HTTPS: %s", why);
        return 1;
    }
    return http_run_as(&listening);
}
