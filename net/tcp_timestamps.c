// SPDX-License-Identifier: MIT
#include "net/tcp_timestamps.h"

#include <string.h>

#include "kernel/options.h"

#include "lwip/priv/tcp_priv.h"

OPTION_CHOICE(tcp_timestamps, "on|off", "time stamps on TCP's segments, if the peer has them");

u16_t net_timestamps_on_connection;
u8_t net_timestamps_on_segment;

void net_timestamps_start(void)
{
    const char *given = option_get("tcp_timestamps");
    if (given == NULL || strcmp(given, "on") != 0)
        return;
    net_timestamps_on_connection = TF_TIMESTAMP;
    net_timestamps_on_segment = TF_SEG_OPTS_TS;
}
