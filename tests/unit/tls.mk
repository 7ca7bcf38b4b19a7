# SPDX-License-Identifier: MIT
# tls/ on the unedited Mbed TLS, a server and a client against each other in memory.
ifndef MBEDTLS_SOURCES
include third_party/third_party.mk
endif

# Compiled for all of its tests once; what sanitizers say of it counts, but its own way with alignment.
TLS_UNIT_MBEDTLS := $(patsubst $(MBEDTLS_DIR)/%.c,build/unit/mbedtls/%.o,$(MBEDTLS_SOURCES))
build/unit/mbedtls/library/psa_crypto_ecp.o: TLS_HOOKS = -Dmbedtls_ecp_mul=tls_ecp_mul
build/unit/mbedtls/%.o: $(MBEDTLS_DIR)/%.c third_party/mbedtls/config.h tests/unit/tls.mk
	@mkdir -p $(@D)
	@gcc $(filter-out -W%,$(UNIT_CFLAGS)) -fno-sanitize=alignment $(MBEDTLS_CFLAGS) $(TLS_HOOKS) -c -o $@ $<
build/unit/mbedtls/mbedtls.a: $(TLS_UNIT_MBEDTLS)
	@echo "  HOSTAR  $@"
	@rm -f $@
	@ar rcs $@ $^
build/unit/certificates/chain.pem: tests/certificates
	@tests/certificates $(@D)

UNIT_TESTS += tls
UNIT_CFLAGS_tls  := -iquote tests/unit/shadow $(MBEDTLS_CFLAGS)
UNIT_SOURCES_tls := $(addprefix tls/,buffers.c connection.c context.c core.c curve25519.c errors.c hosts.c pem.c sessions.c tickets.c) \
    build/unit/mbedtls/mbedtls.a
UNIT_DEPENDS_tls := $(wildcard tls/*.h) tests/unit/tls_below.h build/unit/certificates/chain.pem

UNIT_TESTS += tls_stream
UNIT_CFLAGS_tls_stream  = $(UNIT_CFLAGS_tls) $(NET_UNIT_CFLAGS)
UNIT_SOURCES_tls_stream := tls/stream.c $(UNIT_SOURCES_tls)
UNIT_DEPENDS_tls_stream := $(UNIT_DEPENDS_tls)

UNIT_TESTS += curve25519
UNIT_CFLAGS_curve25519  := $(MBEDTLS_CFLAGS)
UNIT_SOURCES_curve25519 := tls/curve25519.c build/unit/mbedtls/mbedtls.a
UNIT_DEPENDS_curve25519 := tls/curve25519.h

UNIT_TESTS += tls_hosts
UNIT_CFLAGS_tls_hosts  := $(UNIT_CFLAGS_tls)
UNIT_SOURCES_tls_hosts := $(UNIT_SOURCES_tls)
UNIT_DEPENDS_tls_hosts := $(UNIT_DEPENDS_tls)
