# Sockets between the kernel's own threads.
UNIT_TESTS += socket
UNIT_SOURCES_socket := $(addprefix net/,socket.c tcp_socket.c udp_send.c udp_socket.c) \
    $(addprefix kernel/,sync.c thread.c scheduler.c timer.c) tests/unit/fake_switch.c $(NET_UNIT_WORLD)
UNIT_CFLAGS_socket  := $(NET_UNIT_CFLAGS) -iquote tests/unit/shadow
UNIT_DEPENDS_socket := tests/unit/mirror.h tests/unit/fake_net_world.h tests/unit/fake_switch.h tests/unit/shadow/kernel/cpu.h

UNIT_TESTS += local_ports
UNIT_SOURCES_local_ports := $(UNIT_SOURCES_socket)
UNIT_CFLAGS_local_ports  := $(UNIT_CFLAGS_socket)
UNIT_DEPENDS_local_ports := $(UNIT_DEPENDS_socket)

UNIT_TESTS += time_wait
UNIT_SOURCES_time_wait := $(UNIT_SOURCES_socket)
UNIT_CFLAGS_time_wait  := $(UNIT_CFLAGS_socket)
UNIT_DEPENDS_time_wait := $(UNIT_DEPENDS_socket)

# DNS between them.
UNIT_TESTS += dns_message resolve
UNIT_SOURCES_dns_message := net/dns_message.c
UNIT_SOURCES_resolve := net/dns_message.c net/resolve.c $(UNIT_SOURCES_socket)
UNIT_CFLAGS_resolve  := $(UNIT_CFLAGS_socket)
UNIT_DEPENDS_resolve := $(UNIT_DEPENDS_socket)

UNIT_TESTS += sntp fetch_url
UNIT_SOURCES_sntp := net/sntp_message.c
UNIT_SOURCES_fetch_url := apps/fetch/url.c
