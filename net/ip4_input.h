// SPDX-License-Identifier: MIT
// The short way in for the IPv4 packets that nearly all are.
#pragma once

#include "kernel/compiler.h"

struct netif;
struct pbuf;

// Takes a received frame to TCP or UDP, if it is one packet without options, not a fragment, from
// one host to an address of this interface, and its header is right. All else is left to lwIP's
// ethernet_input(), which would have done the same with these. `checksum_valid`: the device vouches
// for that of TCP or UDP. Owns: the frame if it was taken. Returns: false if it was left.
// Spec: RFC 791, RFC 1122 section 3.2.1.
bool net_ip4_input(struct pbuf *frame, struct netif *netif, bool checksum_valid);
