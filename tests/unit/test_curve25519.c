// SPDX-License-Identifier: MIT
// Public keys of X25519 are those of Mbed TLS's general code, and of RFC 7748.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "tls/curve25519.h"

static int random_of_test(void *unused, unsigned char *out, size_t size_bytes)
{
    (void)unused;
    for (size_t i = 0; i < size_bytes; i++)
        out[i] = (unsigned char)random();
    return 0;
}

static void expect_same(mbedtls_ecp_group *group, const mbedtls_mpi *secret,
                        const mbedtls_ecp_point *base)
{
    mbedtls_ecp_point ours, theirs;
    mbedtls_ecp_point_init(&ours);
    mbedtls_ecp_point_init(&theirs);
    assert_int_equal(tls_ecp_mul(group, &ours, secret, base, random_of_test, NULL), 0);
    assert_int_equal(mbedtls_ecp_mul(group, &theirs, secret, base, random_of_test, NULL), 0);
    assert_int_equal(mbedtls_ecp_point_cmp(&ours, &theirs), 0);
    mbedtls_ecp_point_free(&ours);
    mbedtls_ecp_point_free(&theirs);
}

static void keys_are_the_same(void **state)
{
    (void)state;
    static const mbedtls_ecp_group_id ids[] = {MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1};
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        mbedtls_ecp_group group;
        mbedtls_ecp_point other;
        mbedtls_mpi secret;
        mbedtls_ecp_group_init(&group);
        mbedtls_ecp_point_init(&other);
        mbedtls_mpi_init(&secret);
        assert_int_equal(mbedtls_ecp_group_load(&group, ids[i]), 0);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(mbedtls_ecp_gen_privkey(&group, &secret, random_of_test, NULL), 0);
            expect_same(&group, &secret, &group.G);
        }
        assert_int_equal(mbedtls_ecp_mul(&group, &other, &secret, &group.G, random_of_test, NULL),
                         0);
        expect_same(&group, &secret, &other);
        mbedtls_mpi_free(&secret);
        mbedtls_ecp_point_free(&other);
        mbedtls_ecp_group_free(&group);
    }
}

// RFC 7748 section 6.1: Alice's.
static void the_key_of_the_standard(void **state)
{
    (void)state;
    static const char secret_text[] =
        "6a2cb91da5fb77b12a99c0eb872f4cdf4566b25172c1163c7da518730a6d0770",
                      public_text[] =
                          "6a4e9baa8ea9a4ebf41a38260d3abf0d5af73eb4dc7d8b7454a7308909f02085";
    mbedtls_ecp_group group;
    mbedtls_ecp_point key;
    mbedtls_mpi secret, expected;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&key);
    mbedtls_mpi_init(&secret);
    mbedtls_mpi_init(&expected);
    assert_int_equal(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_CURVE25519), 0);
    assert_int_equal(mbedtls_mpi_read_string(&secret, 16, secret_text), 0);
    assert_int_equal(mbedtls_mpi_read_string(&expected, 16, public_text), 0);
    assert_int_equal(tls_ecp_mul(&group, &key, &secret, &group.G, NULL, NULL), 0);
    assert_int_equal(mbedtls_mpi_cmp_mpi(&key.X, &expected), 0);
    assert_int_equal(mbedtls_ecp_check_pubkey(&group, &key), 0);
    mbedtls_ecp_group_free(&group);
    mbedtls_ecp_point_free(&key);
    mbedtls_mpi_free(&secret);
    mbedtls_mpi_free(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_same),
        cmocka_unit_test(the_key_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
