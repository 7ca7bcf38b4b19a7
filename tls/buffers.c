// SPDX-License-Identifier: MIT
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/buffers.h"

#include <ssl_misc.h> // how long mbedtls_ssl_setup() makes them
#include <stdlib.h>
#include <string.h>

_Static_assert(TLS_COUNTER_BYTES == MBEDTLS_SSL_SEQUENCE_NUMBER_LEN, "the counter is saved whole");

static PERCORE unsigned char *spare_input, *spare_output;

static void release(unsigned char **spare, unsigned char *buffer)
{
    if (*spare == NULL)
        *spare = buffer;
    else
        free(buffer);
}

static unsigned char *obtain(unsigned char **spare, size_t size_bytes)
{
    unsigned char *buffer = *spare;
    *spare = NULL;
    return buffer != NULL ? buffer : malloc(size_bytes);
}

static void shift(unsigned char **pointer, uintptr_t distance)
{
    *pointer = (unsigned char *)((uintptr_t)*pointer + distance);
}

// The places inside the buffer that the context remembers move with it; without one they are
// offsets.
static void set_input(mbedtls_ssl_context *ssl, unsigned char *buffer)
{
    uintptr_t distance = (uintptr_t)buffer - (uintptr_t)ssl->in_buf;
    shift(&ssl->in_ctr, distance);
    shift(&ssl->in_hdr, distance);
    shift(&ssl->in_len, distance);
    shift(&ssl->in_iv, distance);
    shift(&ssl->in_msg, distance);
    ssl->in_buf = buffer;
}

static void set_output(mbedtls_ssl_context *ssl, unsigned char *buffer)
{
    uintptr_t distance = (uintptr_t)buffer - (uintptr_t)ssl->out_buf;
    shift(&ssl->out_ctr, distance);
    shift(&ssl->out_hdr, distance);
    shift(&ssl->out_len, distance);
    shift(&ssl->out_iv, distance);
    shift(&ssl->out_msg, distance);
    ssl->out_buf = buffer;
}

bool tls_buffers_lend(mbedtls_ssl_context *ssl, struct tls_buffers_lent *lent)
{
    if (lent->input) {
        unsigned char *buffer = obtain(&spare_input, MBEDTLS_SSL_IN_BUFFER_LEN);
        if (buffer == NULL)
            return false;
        set_input(ssl, buffer);
        memcpy(ssl->in_ctr, lent->counter, TLS_COUNTER_BYTES);
        lent->input = false;
    }
    if (lent->output) {
        unsigned char *buffer = obtain(&spare_output, MBEDTLS_SSL_OUT_BUFFER_LEN);
        if (buffer == NULL)
            return false;
        set_output(ssl, buffer);
        lent->output = false;
    }
    return true;
}

// Nothing of a record, of plain bytes, or of a message in several records is in it.
static bool input_is_empty(const mbedtls_ssl_context *ssl)
{
    return ssl->in_left == 0 && ssl->in_offt == NULL && ssl->in_hslen == 0 &&
           ssl->badmac_seen_or_in_hsfraglen == 0 && ssl->keep_current_message == 0;
}

void tls_buffers_return(mbedtls_ssl_context *ssl, struct tls_buffers_lent *lent)
{
    if (!lent->input && input_is_empty(ssl)) {
        memcpy(lent->counter, ssl->in_ctr, TLS_COUNTER_BYTES);
        release(&spare_input, ssl->in_buf);
        set_input(ssl, NULL);
        lent->input = true;
    }
    if (!lent->output && ssl->out_left == 0) {
        release(&spare_output, ssl->out_buf);
        set_output(ssl, NULL);
        lent->output = true;
    }
}

void tls_buffers_forget_handshake(mbedtls_ssl_context *ssl)
{
    if (ssl->handshake != NULL && ssl->conf->endpoint == MBEDTLS_SSL_IS_SERVER)
        mbedtls_ssl_handshake_wrapup_free_hs_transform(ssl); // in TLS 1.2 it has done so itself
}
