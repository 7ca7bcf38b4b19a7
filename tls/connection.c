// SPDX-License-Identifier: MIT
// Names members of Mbed TLS's context that its headers call private: where its buffers are. It is
// built from one known version.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/connection.h"

#include <stdio.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "tls/buffers.h"
#include "tls/context_internal.h"

#define OUTPUT_KEPT_MAX (64 * 1024) // a server's side of a handshake with a long chain, and more
#define FAILURE_BYTES   96

struct tls_connection {
    mbedtls_ssl_context ssl;
    struct tls_context *client; // whose sessions are kept; NULL: this is a server
    struct tls_buffers_lent lent;
    tls_output_fn output;
    void *owner;
    const uint8_t *input; // what is being taken in
    size_t input_left;
    uint8_t *kept; // heap: output that was not taken
    size_t kept_at, kept_bytes;
    uint8_t state;
    bool closed; // by us
    char failure[FAILURE_BYTES];
};

// ---- bytes in and out ---------------------------------------------------------------------------

// Called by Mbed TLS.
static int take_input(void *argument, unsigned char *out, size_t size_bytes)
{
    struct tls_connection *connection = argument;
    size_t now = size_bytes < connection->input_left ? size_bytes : connection->input_left;
    if (now == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(out, connection->input, now);
    connection->input += now;
    connection->input_left -= now;
    return (int)now;
}

static void offer_kept(struct tls_connection *connection)
{
    size_t left = connection->kept_bytes - connection->kept_at;
    if (left == 0)
        return;
    connection->kept_at +=
        connection->output(connection->owner, connection->kept + connection->kept_at, left);
    ASSERT(connection->kept_at <= connection->kept_bytes);
    if (connection->kept_at < connection->kept_bytes)
        return;
    heap_free(connection->kept);
    connection->kept = NULL;
    connection->kept_at = connection->kept_bytes = 0;
}

static bool keep(struct tls_connection *connection, const uint8_t *data, size_t size_bytes)
{
    size_t left = connection->kept_bytes - connection->kept_at;
    if (left + size_bytes > OUTPUT_KEPT_MAX)
        return false;
    uint8_t *block = heap_alloc(left + size_bytes);
    if (block == NULL)
        return false;
    if (left > 0)
        memcpy(block, connection->kept + connection->kept_at, left);
    memcpy(block + left, data, size_bytes);
    heap_free(connection->kept);
    connection->kept = block;
    connection->kept_at = 0;
    connection->kept_bytes = left + size_bytes;
    return true;
}

// Called by Mbed TLS: takes all, so that its own buffer is empty whenever it is not at work.
static int give_output(void *argument, const unsigned char *data, size_t size_bytes)
{
    struct tls_connection *connection = argument;
    size_t taken = 0;
    offer_kept(connection);
    if (connection->kept == NULL)
        taken = connection->output(connection->owner, data, size_bytes);
    ASSERT(taken <= size_bytes);
    if (taken < size_bytes && !keep(connection, data + taken, size_bytes - taken))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    return (int)size_bytes;
}

// ---- the connection -----------------------------------------------------------------------------

struct tls_connection *tls_connection_create(struct tls_context *context, const char *host,
                                             tls_output_fn output, void *owner)
{
    struct tls_connection *connection = heap_alloc_zeroed(sizeof(*connection));
    if (connection == NULL)
        return NULL;
    bool is_client = mbedtls_ssl_conf_get_endpoint(&context->config) == MBEDTLS_SSL_IS_CLIENT;
    ASSERT(is_client == (host != NULL));
    connection->output = output;
    connection->owner = owner;
    mbedtls_ssl_init(&connection->ssl);
    if (!is_client)
        tls_tickets_refresh(context);
    if (mbedtls_ssl_setup(&connection->ssl, &context->config) != 0 ||
        (is_client && mbedtls_ssl_set_hostname(&connection->ssl, host) != 0)) {
        tls_connection_destroy(connection);
        return NULL;
    }
    mbedtls_ssl_set_bio(&connection->ssl, connection, give_output, take_input, NULL);
    if (is_client) {
        connection->client = context;
        tls_sessions_offer(context, &connection->ssl);
    }
    return connection;
}

void tls_connection_destroy(struct tls_connection *connection)
{
    if (connection == NULL)
        return;
    mbedtls_ssl_free(&connection->ssl);
    heap_free(connection->kept);
    heap_free(connection);
}

static void fail(struct tls_connection *connection, int error)
{
    const mbedtls_ssl_context *ssl = &connection->ssl;
    const char *text = tls_error_text(error);
    if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
        text = tls_verify_text(mbedtls_ssl_get_verify_result(ssl));
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        snprintf(connection->failure, FAILURE_BYTES, "%s: alert %u", text, ssl->in_msg[1]);
    else
        snprintf(connection->failure, FAILURE_BYTES, "%s", text);
    connection->state = TLS_FAILED;
}

// Does what can be done with the input there is, up to plain bytes.
static void advance(struct tls_connection *connection)
{
    mbedtls_ssl_context *ssl = &connection->ssl;
    if (connection->state == TLS_SHAKING_HANDS) {
        int result = mbedtls_ssl_handshake(ssl);
        if (result == MBEDTLS_ERR_SSL_WANT_READ)
            return;
        if (result != 0) {
            fail(connection, result);
            return;
        }
        tls_buffers_forget_handshake(ssl);
        connection->state = TLS_OPEN;
        if (connection->client != NULL && ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_2)
            tls_sessions_keep(connection->client, ssl); // later a server has none to give
    }
    // A ticket is read when it is there, and heeded only the next time.
    while (ssl->in_offt == NULL &&
           (connection->input_left > 0 || ssl->state == MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET)) {
        int result = mbedtls_ssl_read(ssl, NULL, 0); // reads a record, and leaves it there
        if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            connection->state = TLS_ENDED;
            return;
        }
        if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
            tls_sessions_keep(connection->client, ssl);
        // A harmless alert wants more to be read, too.
        if (result < 0 && result != MBEDTLS_ERR_SSL_WANT_READ &&
            result != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            fail(connection, result);
            return;
        }
    }
}

static bool begin(struct tls_connection *connection)
{
    if (tls_buffers_lend(&connection->ssl, &connection->lent))
        return true;
    fail(connection, MBEDTLS_ERR_SSL_ALLOC_FAILED);
    return false;
}

static void end(struct tls_connection *connection)
{
    if (connection->state != TLS_SHAKING_HANDS)
        tls_buffers_return(&connection->ssl, &connection->lent);
}

size_t tls_connection_receive(struct tls_connection *connection, const void *data,
                              size_t size_bytes)
{
    if (connection->state == TLS_ENDED || connection->state == TLS_FAILED)
        return size_bytes;
    if (connection->ssl.in_offt != NULL)
        return 0;
    if (!begin(connection))
        return size_bytes;
    connection->input = data;
    connection->input_left = size_bytes;
    advance(connection);
    size_t read = size_bytes - connection->input_left;
    connection->input = NULL;
    connection->input_left = 0;
    end(connection);
    return connection->state == TLS_OPEN || connection->state == TLS_SHAKING_HANDS ? read
                                                                                   : size_bytes;
}

char *tls_connection_plain(struct tls_connection *connection, size_t *size_bytes)
{
    *size_bytes = connection->ssl.in_offt != NULL ? connection->ssl.in_msglen : 0;
    return (char *)connection->ssl.in_offt;
}

// As mbedtls_ssl_read() ends, without its copy.
void tls_connection_take(struct tls_connection *connection, size_t size_bytes)
{
    mbedtls_ssl_context *ssl = &connection->ssl;
    ASSERT(ssl->in_offt != NULL && size_bytes <= ssl->in_msglen);
    ssl->in_msglen -= size_bytes;
    ssl->in_offt += size_bytes;
    if (ssl->in_msglen > 0)
        return;
    ssl->in_offt = NULL;
    ssl->keep_current_message = 0;
    end(connection);
}

size_t tls_connection_send(struct tls_connection *connection, const void *data, size_t size_bytes)
{
    offer_kept(connection);
    if ((connection->state != TLS_OPEN && connection->state != TLS_ENDED) || connection->closed ||
        connection->kept != NULL || size_bytes == 0 || !begin(connection))
        return 0;
    int result = mbedtls_ssl_write(&connection->ssl, data, size_bytes);
    if (result < 0)
        fail(connection, result);
    end(connection);
    return result < 0 ? 0 : (size_t)result;
}

void tls_connection_flush(struct tls_connection *connection)
{
    offer_kept(connection);
    if (connection->state != TLS_SHAKING_HANDS || connection->input != NULL)
        return;
    advance(connection); // a client's first message needs no input
    end(connection);
}

bool tls_connection_output_waits(const struct tls_connection *connection)
{
    return connection->kept != NULL;
}

void tls_connection_close(struct tls_connection *connection)
{
    if (connection->closed || connection->state == TLS_FAILED ||
        connection->state == TLS_SHAKING_HANDS || !begin(connection))
        return;
    connection->closed = true;
    (void)mbedtls_ssl_close_notify(&connection->ssl); // who does not hear it, finds it closed
    end(connection);
}

enum tls_state tls_connection_state(const struct tls_connection *connection)
{
    return connection->state;
}

const char *tls_connection_failure(const struct tls_connection *connection)
{
    return connection->failure;
}

const char *tls_connection_version(const struct tls_connection *connection)
{
    return mbedtls_ssl_get_version(&connection->ssl);
}

const char *tls_connection_suite(const struct tls_connection *connection)
{
    return mbedtls_ssl_get_ciphersuite(&connection->ssl);
}

const char *tls_connection_protocol(const struct tls_connection *connection)
{
    return mbedtls_ssl_get_alpn_protocol(&connection->ssl);
}
