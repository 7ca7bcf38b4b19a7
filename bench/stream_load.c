// SPDX-License-Identifier: MIT
// One TCP stream: stream_load ADDRESS PORT SECONDS sends to port 9 (discard) or receives from port
// 19 (chargen), and prints bytes and seconds. Tries to connect until somebody listens.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TRIES       600 // a tenth of a second apart
#define PORT_SENT   9
#define WRITE_BYTES 131072
#define READ_BYTES  1048576

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int connect_to(const struct sockaddr_in *to)
{
    for (int i = 0; i < TRIES; i++) {
        struct timeval patience = {1, 0};
        int stream = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (connect(stream, (const struct sockaddr *)to, sizeof(*to)) == 0)
            return stream;
        close(stream);
        usleep(100000);
    }
    perror("stream_load");
    exit(1);
}

int main(int argc, char **argv)
{
    static char buffer[READ_BYTES];
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "stream_load: ADDRESS PORT SECONDS\n");
        return 2;
    }
    int port = atoi(argv[2]);
    to.sin_port = htons((uint16_t)port);
    int stream = connect_to(&to);
    double began_s = now_s(), end_s = began_s + atof(argv[3]), time_s = began_s;
    long long bytes = 0;
    while (time_s < end_s) {
        ssize_t part = port == PORT_SENT ? send(stream, buffer, WRITE_BYTES, MSG_NOSIGNAL)
                                         : recv(stream, buffer, READ_BYTES, 0);
        if (part <= 0) {
            perror("stream_load");
            return 1;
        }
        bytes += part;
        time_s = now_s();
    }
    printf("%lld %.6f\n", bytes, time_s - began_s);
    return 0;
}
