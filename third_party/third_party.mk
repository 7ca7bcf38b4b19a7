# SPDX-License-Identifier: MIT
# Third-party code: fetched by third_party/fetch, built from unedited source.
# Whoever needs it includes it; the second time it is empty.
ifndef B3
B3 := build/third_party

MUSL_DIR     := $(B3)/musl/source
MUSL_INCLUDE := $(B3)/musl/include
MUSL_LIB     := $(B3)/musl/libc.a
# After -nostdinc: musl's headers, then those only the compiler has (stdatomic.h, cpuid.h).
MUSL_CFLAGS  := -nostdinc -isystem $(MUSL_INCLUDE) -isystem $(shell gcc -print-file-name=include)

LWIP_DIR     := $(B3)/lwip/source
LWIP_INCLUDE := $(LWIP_DIR)/src/include
# Without core/timeouts.c: net/timers.c takes its place.
LWIP_SOURCES := $(addprefix $(LWIP_DIR)/src/, \
    core/init.c core/def.c core/dns.c core/inet_chksum.c core/ip.c core/mem.c core/memp.c \
    core/netif.c core/pbuf.c core/raw.c core/stats.c core/sys.c core/tcp.c core/tcp_in.c \
    core/tcp_out.c core/udp.c \
    core/altcp.c core/altcp_alloc.c core/altcp_tcp.c \
    core/ipv4/autoip.c core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c \
    core/ipv4/igmp.c core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c \
    core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/inet6.c core/ipv6/ip6.c core/ipv6/ip6_addr.c \
    core/ipv6/ip6_frag.c core/ipv6/mld6.c core/ipv6/nd6.c netif/ethernet.c)
# What some of them are compiled with: which part of net/hooks.h, and names that functions of net/ have in their place.
LWIP_HOOKS_dhcp    := -DNET_HOOKS_OF_DHCP
LWIP_HOOKS_icmp    := $(foreach name,icmp_dest_unreach icmp_time_exceeded,-D$(name)=net_lwip_$(name))
LWIP_HOOKS_icmp6   := -Dip6_select_source_address=net_ip6_source_address \
    $(foreach name,icmp6_dest_unreach icmp6_time_exceeded_with_addrs icmp6_param_problem,-D$(name)=net_lwip_$(name))
LWIP_HOOKS_ip4     := -DNET_HOOKS_OF_IP
LWIP_HOOKS_ip6     := -DNET_HOOKS_OF_IP6
LWIP_HOOKS_nd6     := -DNET_HOOKS_OF_ND6
LWIP_HOOKS_tcp     := -DNET_HOOKS_OF_TCP
LWIP_HOOKS_tcp_in  := -DNET_HOOKS_OF_TCP -DNET_HOOKS_OF_TCP_INPUT
LWIP_HOOKS_tcp_out := -DNET_HOOKS_OF_TCP_OUTPUT

MBEDTLS_DIR    := $(B3)/mbedtls/source
# By what our config.h leaves of them; the others would be empty.
MBEDTLS_SOURCES := $(addprefix $(MBEDTLS_DIR)/library/, \
    aes.c aesni.c asn1parse.c asn1write.c base64.c bignum.c bignum_core.c bignum_mod.c bignum_mod_raw.c \
    block_cipher.c chacha20.c chachapoly.c cipher.c cipher_wrap.c constant_time.c ecdh.c ecdsa.c ecp.c \
    ecp_curves.c ecp_curves_new.c gcm.c hkdf.c md.c oid.c pem.c pk.c pk_ecc.c pk_wrap.c pkparse.c pkwrite.c \
    platform.c platform_util.c poly1305.c psa_crypto.c psa_crypto_aead.c psa_crypto_cipher.c \
    psa_crypto_client.c psa_crypto_driver_wrappers_no_static.c psa_crypto_ecp.c psa_crypto_hash.c \
    psa_crypto_mac.c psa_crypto_random.c psa_crypto_rsa.c psa_crypto_slot_management.c psa_util.c rsa.c \
    rsa_alt_helpers.c sha1.c sha256.c sha512.c ssl_ciphersuites.c ssl_client.c ssl_msg.c ssl_ticket.c ssl_tls.c \
    ssl_tls12_client.c ssl_tls12_server.c ssl_tls13_client.c ssl_tls13_generic.c ssl_tls13_keys.c \
    ssl_tls13_server.c x509.c x509_crt.c) \
    $(addprefix $(MBEDTLS_DIR)/3rdparty/everest/library/, everest.c x25519.c Hacl_Curve25519_joined.c)
# For whoever includes its headers, too: the config decides what is in the structs.
MBEDTLS_CFLAGS := -I. $(addprefix -isystem $(MBEDTLS_DIR)/,include library \
    $(addprefix 3rdparty/everest/include,/ /everest /everest/kremlib)) '-DMBEDTLS_CONFIG_FILE="third_party/mbedtls/config.h"'

LLHTTP_DIR     := $(B3)/llhttp/source
LLHTTP_SOURCES := $(addprefix $(LLHTTP_DIR)/,llhttp.c api.c http.c)

SPLEEN_DIR := $(B3)/spleen/source/usr/share/consolefonts

# Everything fetched. What compiles third-party sources, or includes their headers, waits for it:
#   $(objects): | $(THIRD_PARTY_STAMP)
THIRD_PARTY_STAMP := $(foreach name,musl lwip mbedtls spleen llhttp,$(B3)/$(name)/source/.toril-source)
$(THIRD_PARTY_STAMP) &: third_party/sources | third_party/fetch
	@third_party/fetch
	@touch $(THIRD_PARTY_STAMP)
# The files themselves, for rules that name them: there once everything is fetched.
$(LWIP_SOURCES) $(MBEDTLS_SOURCES) $(LLHTTP_SOURCES): | $(THIRD_PARTY_STAMP) ;

# musl's headers and its archive are made together, the archive last. What includes <stdio.h> waits:
#   $(objects): | $(MUSL_LIB)
$(MUSL_LIB): $(wildcard third_party/musl/*) posix/calls.h $(MUSL_DIR)/.toril-source
	@echo "  MUSL    $@"
	@third_party/musl/build $(MUSL_DIR) $(B3)/musl
$(MUSL_INCLUDE): $(MUSL_LIB) ;

# posix/start.c alone sees musl's internal headers, before the public ones.
POSIX_START_CFLAGS := -Ithird_party/musl -I$(MUSL_DIR)/arch/x86_64 -I$(MUSL_DIR)/arch/generic \
    -I$(MUSL_DIR)/src/include -I$(MUSL_DIR)/src/internal
POSIX_SOURCES := posix/start.c posix/syscalls.c posix/file.c posix/files.c posix/memory.c posix/process.c \
    posix/signal.c posix/threads.c posix/time.c posix/machine.c posix/specific.c
endif
