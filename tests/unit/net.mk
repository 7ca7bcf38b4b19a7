# net/ with the unedited lwIP it is a port of, compiled once for all of its tests.
ifndef LWIP_SOURCES
include third_party/third_party.mk
endif

NET_UNIT_SOURCES := $(addprefix net/,address.c address6.c checksum.c demux.c dhcp6.c dhcp_lease.c dhcp_mtu.c dns_servers.c facts.c groups.c half_open.c icmp_errors.c interface.c ip4.c ip4_input.c ip6.c ip6_refuse.c local_ports.c nd6_queue.c neighbour.c net.c netif.c ntp_servers.c offload.c orphan.c owner.c packet_text.c packet_trace.c relay.c route.c segments.c sequence.c spread.c steer.c tables.c tcp_acknowledge.c tcp_cubic.c tcp_duplicates.c tcp_hooks.c tcp_reassembly.c tcp_recovery.c tcp_scoreboard.c tcp_timeout.c tcp_timestamps.c tcp_window.c timers.c vlan.c) kernel/siphash.c
# net/timers.c takes the place of lwIP's.
NET_UNIT_LWIP    := $(LWIP_SOURCES)
# One core, whose variables are plain ones: lwIP's are.
NET_UNIT_CFLAGS  := -UTORIL_HOST -iquote net -isystem $(LWIP_INCLUDE)

UNIT_TESTS += net netif net_address net_cards net_dhcp net_dhcp6 net_ip4_input net_sending net_ip6 net_vlan net_fuzz net_steer net_demux net_packet_text net_segments net_recovery net_cubic net_window net_reassembly net_icmp_errors
NET_UNIT_WORLD           := tests/unit/fake_net_world.c $(NET_UNIT_SOURCES) build/unit/lwip/lwip.a
UNIT_SOURCES_net         := tests/unit/fake_net_loop.c $(NET_UNIT_WORLD)
UNIT_CFLAGS_net          := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net         := tests/unit/fake_net_world.h tests/unit/net_echo.h
UNIT_SOURCES_netif       := $(UNIT_SOURCES_net)
UNIT_CFLAGS_netif        := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_netif       := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_dhcp    := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_dhcp     := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_dhcp    := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_ip4_input := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_ip4_input  := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_ip4_input := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_sending := net/udp_send.c $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_sending  := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_sending := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_cards   := net/udp_send.c tests/unit/fake_net_world6.c $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_cards    := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_cards   := $(UNIT_DEPENDS_net) tests/unit/fake_net_world6.h
UNIT_SOURCES_net_vlan    := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_vlan     := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_vlan    := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_ip6     := tests/unit/fake_net_world6.c $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_ip6      := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_ip6     := $(UNIT_DEPENDS_net) tests/unit/fake_net_world6.h
UNIT_SOURCES_net_icmp_errors := $(UNIT_SOURCES_net_ip6)
UNIT_CFLAGS_net_icmp_errors  := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_icmp_errors := $(UNIT_DEPENDS_net_ip6)
UNIT_SOURCES_net_dhcp6   := $(UNIT_SOURCES_net_ip6)
UNIT_CFLAGS_net_dhcp6    := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_dhcp6   := $(UNIT_DEPENDS_net_ip6)
UNIT_SOURCES_net_fuzz    := $(UNIT_SOURCES_net_ip6)
UNIT_CFLAGS_net_fuzz     := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_fuzz    := $(UNIT_DEPENDS_net_ip6)
UNIT_SOURCES_net_segments := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_segments  := $(NET_UNIT_CFLAGS) -DWORLD_FRAME_MAX=65536
UNIT_DEPENDS_net_segments := $(UNIT_DEPENDS_net) tests/unit/net_stream.h
UNIT_SOURCES_net_recovery := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_recovery  := $(NET_UNIT_CFLAGS) -DWORLD_FRAME_MAX=65536
UNIT_DEPENDS_net_recovery := $(UNIT_DEPENDS_net) tests/unit/net_stream.h
UNIT_SOURCES_net_window  := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_window   := $(UNIT_CFLAGS_net_recovery)
UNIT_DEPENDS_net_window  := $(UNIT_DEPENDS_net) tests/unit/net_stream.h tests/unit/net_peer_fixture.h
UNIT_SOURCES_net_reassembly := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_reassembly  := $(UNIT_CFLAGS_net_window)
UNIT_DEPENDS_net_reassembly := $(UNIT_DEPENDS_net_window)
UNIT_SOURCES_net_cubic   := net/tcp_cubic.c
UNIT_SOURCES_net_demux   := $(UNIT_SOURCES_net)
UNIT_CFLAGS_net_demux    := $(NET_UNIT_CFLAGS)
UNIT_DEPENDS_net_demux   := $(UNIT_DEPENDS_net)
UNIT_SOURCES_net_steer   := net/steer.c
UNIT_SOURCES_net_packet_text := net/packet_text.c
UNIT_SOURCES_net_address := net/address.c net/address6.c net/checksum.c
UNIT_CFLAGS_net_address  := $(NET_UNIT_CFLAGS)

# Unaligned loads are lwIP's way on machines that have them.
NET_LWIP_CFLAGS = $(filter-out -W%,$(UNIT_CFLAGS)) -fno-sanitize=alignment $(NET_UNIT_CFLAGS)
NET_LWIP_OBJECTS := $(patsubst $(LWIP_DIR)/src/%.c,build/unit/lwip/%.o,$(NET_UNIT_LWIP))

# A member at the start of nothing is nothing to it, which it looks for.
%/lwip/core/ipv6/ip6.o: NET_LWIP_SANITIZE = -fno-sanitize=null
# A time stamp's first byte goes through the sign of an int.
%/lwip/core/tcp_in.o: NET_LWIP_SANITIZE = -fno-sanitize=shift
build/unit/lwip/%.o: $(LWIP_DIR)/src/%.c net/lwipopts.h net/hooks.h net/segments.h net/tcp_acknowledge.h net/tcp_duplicates.h net/tcp_hooks.h net/tcp_reassembly.h net/tcp_recovery.h net/tcp_timeout.h net/tcp_timestamps.h net/tcp_window.h net/arch/cc.h tests/unit/net.mk third_party/third_party.mk
	@mkdir -p $(@D)
	@gcc $(NET_LWIP_CFLAGS) $(LWIP_HOOKS_$(*F)) $(NET_LWIP_SANITIZE) -c -o $@ $<

build/unit/lwip/lwip.a: $(NET_LWIP_OBJECTS)
	@echo "  HOSTAR  $@"
	@rm -f $@
	@ar rcs $@ $^

# Threads stand in for cores.
UNIT_TESTS += net_relay
UNIT_SOURCES_net_relay := net/relay.c smp/exchange.c tests/unit/fake_core.c
UNIT_DEPENDS_net_relay := tests/unit/fake_core.h
UNIT_CFLAGS_net_relay  := $(NET_UNIT_CFLAGS) -DTORIL_HOST -pthread
