// SPDX-License-Identifier: MIT
// What TCP and UDP sockets share.
#include "net/socket.h"

#include <errno.h>
#include <stdio.h>

#include "lwip/err.h"

char *socket_address_text(const struct socket_address *address,
                          char text[SOCKET_ADDRESS_TEXT_BYTES])
{
    char ip[IPADDR_STRLEN_MAX];
    ipaddr_ntoa_r(&address->ip, ip, sizeof(ip));
    snprintf(text, SOCKET_ADDRESS_TEXT_BYTES, IP_IS_V6(&address->ip) ? "[%s]:%u" : "%s:%u", ip,
             address->port);
    return text;
}

int socket_errno(err_t error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
        return -ENOMEM;
    case ERR_BUF:
        return -ENOBUFS;
    case ERR_TIMEOUT:
        return -ETIMEDOUT;
    case ERR_RTE:
        return -ENETUNREACH;
    case ERR_INPROGRESS:
    case ERR_ALREADY:
        return -EALREADY;
    case ERR_WOULDBLOCK:
        return -EAGAIN;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_ISCONN:
        return -EISCONN;
    case ERR_CONN:
    case ERR_CLSD:
        return -ENOTCONN;
    case ERR_ABRT:
        return -ECONNABORTED;
    case ERR_RST:
        return -ECONNRESET;
    case ERR_IF:
        return -EIO;
    default:
        return -EINVAL;
    }
}
