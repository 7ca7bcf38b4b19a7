// SPDX-License-Identifier: MIT
// All there is to the Linux that Toril is compared with, beside its kernel and nginx: process 1,
// which loads the drivers of the network card, gives it the address that the kernel's command line
// names, starts nginx, and goes on as a UDP echo server at port 7. Two children of it serve
// streams: discard at TCP port 9, chargen at 19. No shell, no other process.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void need(int succeeded, const char *what)
{
    if (!succeeded)
        printf("init: %s: %s\n", what, strerror(errno));
}

static void load_drivers(void)
{
    char path[256];
    FILE *list = fopen("/drivers", "r");
    need(list != NULL, "/drivers");
    while (list && fscanf(list, "%255s", path) == 1) {
        int driver = open(path, O_RDONLY | O_CLOEXEC);
        need(syscall(SYS_finit_module, driver, "", 0) == 0, path);
        close(driver);
    }
}

static void start_interface(const char *name, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_in *value = (struct sockaddr_in *)&request.ifr_addr;
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    strcpy(request.ifr_name, name);
    if (address) {
        value->sin_family = AF_INET;
        inet_pton(AF_INET, address, &value->sin_addr);
        need(ioctl(any, SIOCSIFADDR, &request) == 0, "address");
        inet_pton(AF_INET, "255.255.255.0", &value->sin_addr);
        need(ioctl(any, SIOCSIFNETMASK, &request) == 0, "netmask");
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    need(ioctl(any, SIOCSIFFLAGS, &request) == 0, name);
    close(any);
}

static void set(const char *path, const char *value)
{
    int file = open(path, O_WRONLY);
    need(write(file, value, strlen(value)) > 0, path);
    close(file);
}

static void start_nginx(void)
{
    static char *const command[] = {"/usr/sbin/nginx", "-e", "stderr", "-c", "/nginx.conf", NULL};
    if (vfork() == 0) {
        execv(command[0], command);
        need(0, command[0]);
        _exit(1);
    }
}

static void echo(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(7)};
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    need(bind(any, (struct sockaddr *)&own, sizeof(own)) == 0, "port 7");
    for (;;) {
        char datagram[2048];
        struct sockaddr_in from;
        socklen_t from_bytes = sizeof(from);
        ssize_t bytes =
            recvfrom(any, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &from_bytes);
        if (bytes >= 0)
            sendto(any, datagram, (size_t)bytes, 0, (struct sockaddr *)&from, from_bytes);
    }
}

// One connection after the other, until its peer ends it.
static void stream(uint16_t port, ssize_t (*step)(int connection, char *memory, size_t size_bytes))
{
    static char memory[131072];
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(bind(listener, (struct sockaddr *)&own, sizeof(own)) == 0, "a port for streams");
    need(listen(listener, 8) == 0, "listen");
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        while (step(connection, memory, sizeof(memory)) > 0)
            ;
        close(connection);
    }
}

static ssize_t take(int connection, char *memory, size_t size_bytes)
{
    return recv(connection, memory, size_bytes, 0);
}

static ssize_t give(int connection, char *memory, size_t size_bytes)
{
    return send(connection, memory, size_bytes, MSG_NOSIGNAL);
}

int main(void)
{
    struct rlimit files = {65536, 65536};
    mount("proc", "/proc", "proc", 0, "");
    mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    setrlimit(RLIMIT_NOFILE, &files);
    load_drivers();
    start_interface("lo", NULL);
    start_interface("eth0", getenv("address")); // the kernel hands on what it does not know
    set("/proc/sys/net/core/somaxconn", "4096");
    set("/proc/sys/net/ipv4/tcp_max_syn_backlog", "4096");
    start_nginx();
    if (fork() == 0)
        stream(9, take);
    if (fork() == 0)
        stream(19, give);
    echo();
}
