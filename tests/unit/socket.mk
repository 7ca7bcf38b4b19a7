# Sockets between the kernel's own threads.
UNIT_TESTS += socket
UNIT_SOURCES_socket := $(addprefix net/,socket.c tcp_socket.c udp_socket.c) \
    $(addprefix kernel/,sync.c thread.c scheduler.c timer.c) tests/unit/fake_switch.c $(NET_UNIT_WORLD)
UNIT_CFLAGS_socket  := $(NET_UNIT_CFLAGS) -iquote tests/unit/shadow
UNIT_DEPENDS_socket := tests/unit/test_net_world.h tests/unit/fake_switch.h tests/unit/shadow/kernel/cpu.h
