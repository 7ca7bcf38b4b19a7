// SPDX-License-Identifier: MIT
// What a frame says, in one line for people. Bytes in, text out; believes no length in them.
#pragma once

#include "kernel/compiler.h"

#define NET_PACKET_TEXT_BYTES 192

// Writes, for example, "10.0.2.2:5000 > 10.0.2.15:80 tcp SA seq 7 ack 9 win 65535, 12 bytes".
// data: the frame's first `length` bytes, from its Ethernet header on; frame_bytes: of all of it.
// What is cut short is said to be; what is not known is told by its number.
void net_packet_text(char text[NET_PACKET_TEXT_BYTES], const uint8_t *data, uint32_t length,
                     uint32_t frame_bytes);
