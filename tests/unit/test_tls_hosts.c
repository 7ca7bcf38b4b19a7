// SPDX-License-Identifier: MIT
// A server with certificates for several hosts: clients get that of the host that they name.
#include "host.h"

#include <string.h>

#include "tls/connection.h"
#include "tls_below.h"

#define WIRE_BYTES 65536

static const char *protocols[] = {"http/1.1", NULL};
static char why[TLS_WHY_BYTES];

struct end {
    struct tls_connection *tls;
    uint8_t out[WIRE_BYTES];
    size_t out_bytes;
};
static struct end server, client;

static size_t wire(void *owner, const void *data, size_t size_bytes)
{
    struct end *end = owner;
    assert_true(end->out_bytes + size_bytes <= WIRE_BYTES);
    memcpy(end->out + end->out_bytes, data, size_bytes);
    end->out_bytes += size_bytes;
    return size_bytes;
}

static bool carry(struct end *from, struct end *to)
{
    size_t size_bytes = from->out_bytes;
    from->out_bytes = 0;
    return size_bytes > 0 && tls_connection_receive(to->tls, from->out, size_bytes) > 0;
}

// Returns: what the client has against the server, "" if nothing.
static const char *shake_hands(struct tls_context *server_context, const char *host)
{
    static char failure[128];
    struct tls_context *client_context = tls_below_client("ca.pem", protocols, why);
    assert_non_null(client_context);
    server.tls = tls_connection_create(server_context, NULL, wire, &server);
    client.tls = tls_connection_create(client_context, host, wire, &client);
    tls_connection_flush(client.tls);
    while (carry(&client, &server) | carry(&server, &client))
        ;
    snprintf(failure, sizeof(failure), "%s", tls_connection_failure(client.tls));
    assert_int_equal(tls_connection_state(client.tls) == TLS_OPEN, failure[0] == '\0');
    tls_connection_destroy(server.tls);
    tls_connection_destroy(client.tls);
    tls_context_destroy(client_context);
    server.out_bytes = client.out_bytes = 0;
    return failure;
}

static struct tls_context *make_server(void)
{
    struct tls_context *context = tls_below_server("chain.pem", "server.key", protocols, why);
    struct tls_pem hosts = tls_below_pem("hosts.pem");
    assert_non_null(context);
    if (tls_server_add_hosts(context, &hosts, why) != 0)
        fail_msg("%s", why);
    tls_below_free(&hosts);
    return context;
}

static void each_host_has_its_own(void **state)
{
    (void)state;
    static const char *good[] = {"toril.test", "other.test",  "OTHER.test", "a.soon.test",
                                 "localhost",  "b.soon.test", "127.0.0.1"};
    static const char *bad[] = {"else.test", "soon.test", "a.b.soon.test", "xother.test"};
    struct tls_context *context = make_server();
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_string_equal(shake_hands(context, good[i]), "");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) // the first one, which is for others
        assert_non_null(strstr(shake_hands(context, bad[i]), "name"));
    tls_context_destroy(context);
}

static void what_there_is_and_until_when(void **state)
{
    (void)state;
    static const char *names[] = {"toril.test", "other.test", "*.soon.test"};
    struct tls_context *context = make_server();
    struct tls_certificate certificate;
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        assert_true(tls_server_certificate(context, i, &certificate));
        assert_string_equal(certificate.name, names[i]);
        bool is_soon = strstr(certificate.warning, "expires on 20") != NULL;
        assert_true(is_soon == (i == 2) ||
                    strstr(certificate.warning, "expired") != NULL); // in an old build folder
    }
    assert_false(tls_server_certificate(context, 3, &certificate));
    tls_context_destroy(context);
}

static void expect_refused(const char *text, const char *words)
{
    struct tls_context *context = tls_below_server("chain.pem", "server.key", protocols, why);
    struct tls_pem hosts = {"hosts.pem", text, strlen(text)};
    assert_int_equal(tls_server_add_hosts(context, &hosts, why), -1);
    if (strstr(why, words) == NULL)
        fail_msg("%s, not: %s", why, words);
    tls_context_destroy(context);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    static char text[65536];
    struct tls_pem other = tls_below_pem("other.pem"), rsa = tls_below_pem("rsa.key");
    expect_refused("", "hosts.pem: its last certificate has no private key behind it");
    expect_refused(other.text, "no private key behind it");
    expect_refused(rsa.text, "hosts.pem holds no certificate");
    snprintf(text, sizeof(text), "%s%s", other.text, rsa.text);
    expect_refused(text, "hosts.pem: a key is not that of the first certificate in front of it");
    tls_below_free(&other);
    tls_below_free(&rsa);
    struct tls_pem whole = tls_below_pem("hosts.pem");
    snprintf(text, sizeof(text), "%.*s", (int)whole.size_bytes - 30, whole.text);
    expect_refused(text, "no private key behind it");
    tls_below_free(&whole);
}

int main(void)
{
    if (tls_start(why) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_host_has_its_own),
        cmocka_unit_test(what_there_is_and_until_when),
        cmocka_unit_test(bad_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
