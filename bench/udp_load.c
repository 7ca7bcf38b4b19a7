// SPDX-License-Identifier: MIT
// One datagram at a time to an echo server: udp_load ADDRESS PORT COUNT BYTES prints the median
// round trip in microseconds, and how many answers there were. One that is lost is sent again.
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX 1472 // of a frame's payload

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

// Returns: false if it does not come back in time. One of before, which came late, is passed over.
static bool receive_same(int peer, const char *datagram, size_t bytes)
{
    char answer[BYTES_MAX];
    ssize_t got;
    while ((got = recv(peer, answer, sizeof(answer), 0)) >= 0)
        if ((size_t)got == bytes && memcmp(answer, datagram, bytes) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "udp_load: ADDRESS PORT COUNT BYTES\n");
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    size_t count = (size_t)atol(argv[3]), bytes = (size_t)atol(argv[4]);
    struct timeval patience = {0, 200000};
    int peer = socket(AF_INET, SOCK_DGRAM, 0);
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || bytes < sizeof(uint32_t) ||
        bytes > BYTES_MAX || count == 0 || connect(peer, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
        perror("udp_load");
        return 1;
    }
    double *trips = calloc(count, sizeof(*trips));
    char datagram[BYTES_MAX] = "";
    size_t answered = 0;
    for (uint32_t number = 0, lost = 0; answered < count && lost < 50; number++) {
        memcpy(datagram, &number, sizeof(number));
        double began = now_us();
        if (send(peer, datagram, bytes, 0) < 0 || !receive_same(peer, datagram, bytes))
            lost++;
        else
            trips[answered++] = now_us() - began;
    }
    qsort(trips, answered, sizeof(*trips), compare);
    printf("%.1f %zu\n", answered > 0 ? trips[answered / 2] : 0.0, answered);
    return answered == count ? 0 : 1;
}
