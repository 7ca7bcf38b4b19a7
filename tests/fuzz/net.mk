# What others on the network say to this machine: servers that it asked, and who gives it addresses.
FUZZ_TESTS += client
FUZZ_SOURCES_client := net/dns_message.c net/sntp_message.c apps/fetch/url.c
FUZZ_DEPENDS_client := tests/fuzz/require.h apps/fetch/url.h

# The whole stack, its variables marked off by two of ours: those of the fuzzer, which is compiled
# first, and of percore_end.c. lwIP is compiled here too, so that its branches guide the fuzzer.
FUZZ_TESTS += net_config
FUZZ_NET_LWIP := $(NET_UNIT_LWIP:$(LWIP_DIR)/src/%.c=build/fuzz/lwip/%.o)
FUZZ_SOURCES_net_config := tests/unit/fake_net_world6.c tests/unit/fake_net_loop.c \
    $(filter-out build/unit/lwip/%,$(NET_UNIT_WORLD)) build/fuzz/lwip/lwip.a tests/fuzz/percore_end.c
FUZZ_CFLAGS_net_config := $(NET_UNIT_CFLAGS)
FUZZ_DEPENDS_net_config := tests/fuzz/require.h tests/unit/fake_net_world.h tests/unit/fake_net_world6.h

build/fuzz/lwip/%.o: $(LWIP_DIR)/src/%.c net/lwipopts.h net/hooks.h net/segments.h net/arch/cc.h tests/unit/net.mk third_party/third_party.mk
	@mkdir -p $(@D)
	@clang $(FUZZ_CFLAGS) -fno-sanitize=alignment $(NET_UNIT_CFLAGS) $(LWIP_HOOKS_$(*F)) $(NET_LWIP_SANITIZE) -c -o $@ $<
build/fuzz/lwip/lwip.a: $(FUZZ_NET_LWIP)
	@rm -f $@
	@ar rcs $@ $^
