// SPDX-License-Identifier: MIT
// tls/ against itself: a server and a client in memory, over a wire that can lose room, change
// bytes and cut them, and files that are no certificates.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "tls/connection.h"
#include "tls/context_internal.h"
#include "tls/core.h"
#include "tls_below.h"

#define WIRE_BYTES (1 << 20)

// ---- two ends of a wire -------------------------------------------------------------------------

struct end {
    struct tls_connection *tls;
    uint8_t out[WIRE_BYTES]; // sent, and not brought over yet
    size_t out_bytes;
    size_t room; // that `out` may grow by
    char plain[WIRE_BYTES];
    size_t plain_bytes;
};
static struct end server, client;
static struct tls_context *server_context, *client_context;
static char why[TLS_WHY_BYTES];
static const char *protocols[] = {"http/1.1", NULL};

static size_t wire(void *owner, const void *data, size_t size_bytes)
{
    struct end *end = owner;
    size_t now = size_bytes < end->room ? size_bytes : end->room;
    assert_true(end->out_bytes + now <= WIRE_BYTES);
    memcpy(end->out + end->out_bytes, data, now);
    end->out_bytes += now;
    end->room -= now;
    return now;
}

static struct tls_context *make_server(const char *certificates, const char *key)
{
    return tls_below_server(certificates, key, protocols, why);
}

static void end_open(struct end *end, struct tls_context *context, const char *host)
{
    end->out_bytes = end->plain_bytes = 0;
    end->room = SIZE_MAX;
    end->tls = tls_connection_create(context, host, wire, end);
    assert_non_null(end->tls);
}

static void open_both(const char *host)
{
    end_open(&server, server_context, NULL);
    end_open(&client, client_context, host);
    tls_connection_flush(client.tls);
}

static void close_both(void)
{
    tls_connection_destroy(server.tls);
    tls_connection_destroy(client.tls);
    server.tls = client.tls = NULL;
}

static void take_plain(struct end *end)
{
    size_t size_bytes;
    char *plain;
    while ((plain = tls_connection_plain(end->tls, &size_bytes)) != NULL) {
        size_t now = 1 + (size_t)random_below(size_bytes);
        assert_true(end->plain_bytes + now <= WIRE_BYTES);
        memcpy(end->plain + end->plain_bytes, plain, now);
        end->plain_bytes += now;
        tls_connection_take(end->tls, now);
    }
}

// Brings over what one end sent, in pieces of up to `piece` bytes. Returns: whether there was
// anything.
static bool carry(struct end *from, struct end *to, size_t piece)
{
    size_t at = 0;
    while (at < from->out_bytes) {
        size_t left = from->out_bytes - at;
        size_t now = left < piece ? left : piece;
        // A copy of its own: reading past its end is found.
        uint8_t *copy = malloc(now);
        memcpy(copy, from->out + at, now);
        size_t read = tls_connection_receive(to->tls, copy, now);
        free(copy);
        take_plain(to);
        assert_true(read <= now);
        at += read;
    }
    from->out_bytes = 0;
    return at > 0;
}

static void carry_all(size_t piece)
{
    bool moved;
    do {
        moved = carry(&client, &server, piece);
        moved |= carry(&server, &client, piece);
    } while (moved);
}

static void send_all(struct end *end, const void *data, size_t size_bytes)
{
    for (size_t sent = 0, now; sent < size_bytes; sent += now) {
        now = tls_connection_send(end->tls, (const char *)data + sent, size_bytes - sent);
        assert_true(now > 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    random_state = 1;
    tls_below_strong = true;
    tls_below_now_ns = 0;
    assert_int_equal(tls_start(why), 0);
    server_context = make_server("chain.pem", "server.key");
    client_context = tls_below_client("ca.pem", protocols, why);
    return server_context != NULL && client_context != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    close_both();
    tls_context_destroy(server_context);
    tls_context_destroy(client_context);
    return 0;
}

static void use_server(const char *certificates, const char *key)
{
    tls_context_destroy(server_context);
    server_context = make_server(certificates, key);
    assert_non_null(server_context);
}

// ---- handshakes and data ------------------------------------------------------------------------

static void expect_open(const char *version)
{
    assert_string_equal(tls_connection_failure(server.tls), "");
    assert_string_equal(tls_connection_failure(client.tls), "");
    assert_int_equal(tls_connection_state(server.tls), TLS_OPEN);
    assert_int_equal(tls_connection_state(client.tls), TLS_OPEN);
    assert_string_equal(tls_connection_version(client.tls), version);
    assert_string_equal(tls_connection_protocol(server.tls), "http/1.1");
}

static void expect_echo(size_t size_bytes, size_t piece)
{
    char *data = malloc(size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        data[i] = (char)random_below(256);
    server.plain_bytes = client.plain_bytes = 0;
    send_all(&client, data, size_bytes);
    carry_all(piece);
    assert_int_equal(server.plain_bytes, size_bytes);
    assert_memory_equal(server.plain, data, size_bytes);
    send_all(&server, server.plain, size_bytes);
    carry_all(piece);
    assert_int_equal(client.plain_bytes, size_bytes);
    assert_memory_equal(client.plain, data, size_bytes);
    free(data);
}

static void test_both_versions(void **state)
{
    (void)state;
    static const char *versions[] = {"TLSv1.2", "TLSv1.3"};
    static const char *keys[][2] = {{"chain.pem", "server.key"}, {"rsa.pem", "rsa.key"}};
    for (unsigned i = 0; i < 4; i++) {
        use_server(keys[i / 2][0], keys[i / 2][1]);
        tls_sessions_free(client_context);
        mbedtls_ssl_conf_max_tls_version(&client_context->config, i % 2
                                                                      ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                      : MBEDTLS_SSL_VERSION_TLS1_2);
        open_both("toril.test");
        carry_all(i % 2 ? 1 : 1460);
        expect_open(versions[i % 2]);
        expect_echo(100, 1);
        expect_echo(100000, 1460);
        close_both();
    }
}

static void test_each_suite(void **state)
{
    (void)state;
    use_server("rsa.pem", "rsa.key");
    for (unsigned i = 0; i < TLS_SUITES; i++) {
        int only[2] = {server_context->suites[i], 0};
        const char *name = mbedtls_ssl_get_ciphersuite_name(only[0]);
        if (strstr(name, "ECDSA") != NULL)
            continue;
        bool is_13 = strstr(name, "TLS1-3") != NULL;
        mbedtls_ssl_conf_ciphersuites(&client_context->config, only);
        mbedtls_ssl_conf_max_tls_version(&client_context->config, is_13
                                                                      ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                      : MBEDTLS_SSL_VERSION_TLS1_2);
        tls_sessions_free(client_context);
        open_both("toril.test");
        carry_all(1460);
        expect_open(is_13 ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(tls_connection_suite(server.tls), name);
        expect_echo(20000, 999);
        close_both();
    }
}

static void test_end_in_both_directions(void **state)
{
    (void)state;
    open_both("127.0.0.1");
    carry_all(1460);
    expect_open("TLSv1.3");
    send_all(&server, "last", 4);
    tls_connection_close(server.tls);
    tls_connection_close(server.tls);
    carry_all(1460);
    assert_int_equal(client.plain_bytes, 4);
    assert_int_equal(tls_connection_state(client.tls), TLS_ENDED);
    assert_int_equal(tls_connection_send(server.tls, "more", 4), 0);
    // The other direction still goes.
    send_all(&client, "also last", 9);
    carry_all(1460);
    assert_memory_equal(server.plain, "also last", 9);
}

static void test_output_that_waits(void **state)
{
    (void)state;
    open_both("toril.test");
    server.room = 100;
    carry_all(1460);
    assert_true(tls_connection_output_waits(server.tls));
    assert_int_equal(tls_connection_send(server.tls, "x", 1), 0);
    while (tls_connection_output_waits(server.tls)) {
        server.room = 100;
        tls_connection_flush(server.tls);
        carry_all(1460);
    }
    server.room = SIZE_MAX;
    carry_all(1460);
    expect_open("TLSv1.3");
    server.room = 0;
    assert_int_equal(tls_connection_send(server.tls, "kept", 4), 4);
    assert_int_equal(tls_connection_send(server.tls, "not", 3), 0);
    server.room = SIZE_MAX;
    assert_int_equal(tls_connection_send(server.tls, "behind", 6), 6);
    carry_all(1460);
    assert_int_equal(client.plain_bytes, 10);
    assert_memory_equal(client.plain, "keptbehind", 10);
}

// Many connections take turns: none has the others' bytes, though they share buffers.
static void test_shared_buffers(void **state)
{
    (void)state;
    static struct end servers[8], clients[8];
    for (unsigned i = 0; i < 8; i++) {
        mbedtls_ssl_conf_max_tls_version(&client_context->config, i % 2
                                                                      ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                      : MBEDTLS_SSL_VERSION_TLS1_2);
        end_open(&servers[i], server_context, NULL);
        end_open(&clients[i], client_context, "toril.test");
        tls_connection_flush(clients[i].tls);
        while (carry(&clients[i], &servers[i], 1460) | carry(&servers[i], &clients[i], 1460))
            ;
        assert_int_equal(tls_connection_state(servers[i].tls), TLS_OPEN);
    }
    for (unsigned turn = 0; turn < 400; turn++) {
        struct end *from = turn % 2 ? servers : clients, *to = turn % 2 ? clients : servers;
        unsigned i = (unsigned)random_below(8);
        char text[32];
        int length = snprintf(text, sizeof(text), "%u in turn %u", i, turn);
        to[i].plain_bytes = 0;
        send_all(&from[i], text, (size_t)length);
        // A record in halves, and another connection's in between.
        size_t half = from[i].out_bytes / 2, whole = from[i].out_bytes;
        assert_int_equal(tls_connection_receive(to[i].tls, from[i].out, half), half);
        unsigned other = (i + 1) % 8;
        send_all(&from[other], "between", 7);
        carry(&from[other], &to[other], 1460);
        assert_int_equal(tls_connection_receive(to[i].tls, from[i].out + half, whole - half),
                         whole - half);
        from[i].out_bytes = 0;
        take_plain(&to[i]);
        assert_int_equal(to[i].plain_bytes, length);
        assert_memory_equal(to[i].plain, text, (size_t)length);
        to[other].plain_bytes = 0;
    }
    for (unsigned i = 0; i < 8; i++) {
        tls_connection_destroy(servers[i].tls);
        tls_connection_destroy(clients[i].tls);
    }
}

// A ticket of one context is good for another with the same secret: those of two cores.
static void test_resumed_elsewhere(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        tls_below_now_ns = 0;
        mbedtls_ssl_conf_max_tls_version(&client_context->config, MBEDTLS_SSL_VERSION_TLS1_2);
        open_both("toril.test");
        carry_all(1460);
        expect_open("TLSv1.2");
        close_both();
        use_server("chain.pem", "server.key");
        tls_below_now_ns = round * 13ull * 3600 * NS_PER_S; // the key changes every 12 hours
        end_open(&server, server_context, NULL);
        end_open(&client, client_context, "toril.test");
        tls_connection_flush(client.tls);
        carry(&client, &server, 1460);
        bool resumed =
            tls_connection_state(server.tls) == TLS_SHAKING_HANDS && server.out_bytes < 400;
        carry_all(1460);
        expect_open("TLSv1.2");
        assert_int_equal(resumed, round < 2); // the one before is taken, too
        expect_echo(100, 1460);
        close_both();
        tls_sessions_free(client_context);
    }
}

// ---- whom a client believes ---------------------------------------------------------------------

// Bytes that the server sends until hands are shaken: without its certificate they are few.
static size_t flight_bytes(const char *host, mbedtls_ssl_protocol_version version)
{
    mbedtls_ssl_conf_max_tls_version(&client_context->config, version);
    open_both(host);
    carry(&client, &server, 1460);
    size_t size_bytes = server.out_bytes;
    carry_all(1460);
    expect_open(version == MBEDTLS_SSL_VERSION_TLS1_2 ? "TLSv1.2" : "TLSv1.3");
    expect_echo(1000, 999);
    close_both();
    return size_bytes;
}

static void test_clients_go_on_with_sessions(void **state)
{
    (void)state;
    static const mbedtls_ssl_protocol_version versions[] = {MBEDTLS_SSL_VERSION_TLS1_2,
                                                            MBEDTLS_SSL_VERSION_TLS1_3};
    for (unsigned i = 0; i < ARRAY_COUNT(versions); i++) {
        size_t full = flight_bytes("toril.test", versions[i]);
        for (int again = 0; again < 3; again++)
            assert_true(flight_bytes("toril.test", versions[i]) < full / 2);
        assert_true(flight_bytes("localhost", versions[i]) > full / 2); // another host's is its own
        assert_true(flight_bytes("toril.test", versions[i]) < full / 2);
        tls_sessions_free(client_context);
        assert_true(flight_bytes("toril.test", versions[i]) > full / 2);
        tls_sessions_free(client_context);
    }
}

static void test_server_not_believed(void **state)
{
    (void)state;
    static const struct {
        const char *certificate, *key, *host, *words;
    } cases[] = {
        {"chain.pem", "server.key", "toril.example", "for another name"},
        {"chain.pem", "server.key", "127.0.0.2", "for another name"},
        {"other.pem", "other.key", "toril.test", "for another name"},
        {"stranger.pem", "stranger.key", "toril.test", "no authority that is trusted"},
        {"expired.pem", "expired.key", "toril.test", "has expired"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        use_server(cases[i].certificate, cases[i].key);
        open_both(cases[i].host);
        carry_all(1460);
        assert_int_equal(tls_connection_state(client.tls), TLS_FAILED);
        assert_non_null(strstr(tls_connection_failure(client.tls), cases[i].words));
        assert_int_equal(tls_connection_send(client.tls, "x", 1), 0);
        assert_int_equal(client.plain_bytes, 0);
        close_both();
    }
}

// ---- files that are none ------------------------------------------------------------------------

static void expect_refusal(const char *certificates, const char *key, const char *words)
{
    struct tls_context *context = make_server(certificates, key);
    if (context != NULL || strstr(why, words) == NULL)
        fail_msg("%s with %s: %s, not: %s", certificates, key, why, words);
    // Nothing of a key is ever in the reason.
    struct tls_pem pem = tls_below_pem(key);
    assert_null(strstr(pem.text, why));
    tls_below_free(&pem);
}

static void test_bad_files(void **state)
{
    (void)state;
    expect_refusal("rsa.pem", "server.key", "the key in server.key is not that of");
    expect_refusal("server.key", "server.key", "holds no certificate");
    expect_refusal("server.pem", "server.pem", "holds no private key");
    struct tls_pem good = tls_below_pem("server.pem"), key = tls_below_pem("server.key");
    struct tls_pem text = {"bad.pem", "hello\n", 6};
    assert_null(tls_server_create(&text, &key, NULL, why));
    assert_non_null(strstr(why, "bad.pem holds no certificate"));
    assert_null(tls_server_create(&good, &text, NULL, why));
    assert_non_null(strstr(why, "bad.pem holds no private key"));
    struct tls_pem locked = {"locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 38};
    assert_null(tls_server_create(&good, &locked, NULL, why));
    assert_non_null(strstr(why, "password"));
    // Bytes changed and ends cut off, everywhere: refused or not, nothing else happens.
    for (unsigned i = 0; i < 150; i++) {
        struct tls_pem *whole = i % 2 ? &good : &key;
        char *copy = malloc(whole->size_bytes + 1);
        size_t size_bytes = i % 3 ? whole->size_bytes : (size_t)random_below(whole->size_bytes);
        memcpy(copy, whole->text, size_bytes);
        copy[size_bytes] = '\0';
        if (i % 3 && size_bytes > 0)
            copy[random_below(size_bytes)] = "Az+/=\n-"[random_below(7)];
        struct tls_pem changed = {"changed", copy, size_bytes};
        struct tls_context *context = i % 2 ? tls_server_create(&changed, &key, NULL, why)
                                            : tls_server_create(&good, &changed, NULL, why);
        assert_true(context != NULL || why[0] != '\0');
        tls_context_destroy(context);
        free(copy);
    }
    tls_below_free(&good);
    tls_below_free(&key);
}

static void test_expired_is_said(void **state)
{
    (void)state;
    struct tls_certificate certificate;
    use_server("expired.pem", "expired.key");
    assert_true(tls_server_certificate(server_context, 0, &certificate));
    assert_non_null(strstr(certificate.warning, "expired on 20"));
    use_server("server.pem", "server.key");
    assert_true(tls_server_certificate(server_context, 0, &certificate));
    assert_string_equal(certificate.warning, "");
    assert_string_equal(certificate.name, "toril.test");
    assert_in_range(certificate.until_s - certificate.from_s, 3650 * 86400l - 1, 3650 * 86400l);
    assert_in_range(time(NULL) - certificate.from_s, 0, 10 * 86400); // made for this build folder
    assert_false(tls_server_certificate(server_context, 1, &certificate));
}

// ---- what is no TLS -----------------------------------------------------------------------------

static void test_no_tls(void **state)
{
    (void)state;
    static const char *inputs[] = {"GET / HTTP/1.1\r\nHost: t\r\n\r\n", "\x16\x03\x01\xff\xff",
                                   "\x80\x2e\x01\x03\x01", "\x15\x03\x03\x00\x02\x02\x28"};
    for (unsigned i = 0; i < ARRAY_COUNT(inputs); i++) {
        end_open(&server, server_context, NULL);
        size_t length = i == 3 ? 7 : strlen(inputs[i]);
        assert_int_equal(tls_connection_receive(server.tls, inputs[i], length), length);
        assert_int_equal(tls_connection_state(server.tls), TLS_FAILED);
        assert_true(strlen(tls_connection_failure(server.tls)) > 0);
        // What comes after is thrown away.
        assert_int_equal(tls_connection_receive(server.tls, "more", 4), 4);
        close_both();
    }
}

static void change_bytes(struct end *end)
{
    for (unsigned i = 0; i < 1 + random_below(3); i++)
        end->out[random_below(end->out_bytes)] ^= (uint8_t)(1 << random_below(8));
    if (random_below(4) == 0)
        end->out_bytes = (size_t)random_below(end->out_bytes + 1);
}

// A flight of a handshake, or of data, changed or cut: it fails or waits, and hands out nothing
// wrong.
static void test_changed_on_the_way(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 120; round++) {
        unsigned flight = 0, changed = (unsigned)random_below(6);
        mbedtls_ssl_conf_max_tls_version(&client_context->config, round % 2
                                                                      ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                      : MBEDTLS_SSL_VERSION_TLS1_2);
        open_both("toril.test");
        for (bool moved = true; moved;) {
            if (client.out_bytes && flight++ == changed)
                change_bytes(&client);
            moved = carry(&client, &server, 500);
            if (server.out_bytes && flight++ == changed)
                change_bytes(&server);
            moved |= carry(&server, &client, 500);
        }
        if (tls_connection_send(client.tls, "data", 4) == 4) {
            change_bytes(&client);
            carry(&client, &server, 500);
            assert_int_equal(server.plain_bytes, 0);
        }
        close_both();
    }
}

// ---- random numbers -----------------------------------------------------------------------------

static void test_weak_random(void **state)
{
    (void)state;
    tls_below_strong = false;
    uint8_t byte;
    assert_int_not_equal(tls_random(NULL, &byte, 1), 0);
}

int main(void)
{
    // Before anything was started.
    tls_below_strong = false;
    if (tls_start(why) == 0 || strstr(why, "virtio-rng") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_suite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_in_both_directions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output_that_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_buffers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resumed_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clients_go_on_with_sessions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_server_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_tls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_on_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weak_random, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
