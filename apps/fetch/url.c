// SPDX-License-Identifier: MIT
#include "apps/fetch/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

// Path and query, without the fragment, which is not sent. Returns: false if they are too long.
static bool take_target(struct url *url, const char *from)
{
    size_t length = strcspn(from, "#");
    bool has_slash = *from == '/';
    if (length + 2 > sizeof(url->target))
        return false;
    snprintf(url->target, sizeof(url->target), "%s%.*s", has_slash ? "" : "/", (int)length, from);
    return true;
}

static size_t host_length(const char *text, bool is_literal)
{
    return strspn(text, is_literal ? "0123456789abcdefABCDEF:."
                                   : "0123456789abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~");
}

// Returns: the number, 0 if it is none of a port.
static unsigned long port_of(const char *text, const char *end)
{
    char *after;
    unsigned long number = *text >= '0' && *text <= '9' ? strtoul(text, &after, 10) : 0;
    return number > 0 && number <= UINT16_MAX && after == end ? number : 0;
}

// "HOST", "HOST:PORT" or "[ADDRESS]:PORT" of so many bytes.
static bool take_authority(struct url *url, const char *text, size_t length)
{
    bool is_literal = text[0] == '[';
    size_t host_bytes = host_length(text + is_literal, is_literal);
    const char *port = text + is_literal + host_bytes;
    if (host_bytes == 0 || host_bytes >= sizeof(url->host) || length >= sizeof(url->authority) ||
        (is_literal && *port++ != ']'))
        return false;
    memcpy(url->host, text + is_literal, host_bytes);
    url->host[host_bytes] = '\0';
    snprintf(url->authority, sizeof(url->authority), "%.*s", (int)length, text);
    url->port = url->secure ? 443 : 80;
    if (port == text + length)
        return true;
    unsigned long number = *port == ':' ? port_of(port + 1, text + length) : 0;
    if (number == url->port)
        url->authority[port - text] = '\0';
    url->port = (uint16_t)number;
    return number != 0;
}

bool url_parse(const char *text, struct url *url)
{
    url->secure = strncasecmp(text, "https://", 8) == 0;
    if (!is_printable(text) || (!url->secure && strncasecmp(text, "http://", 7) != 0))
        return false;
    text += url->secure ? 8 : 7;
    size_t length = strcspn(text, "/?#");
    return take_authority(url, text, length) && take_target(url, text + length);
}

bool url_follow(struct url *url, const char *location)
{
    if (strncmp(location + strcspn(location, "/?#:"), "://", 3) == 0)
        return url_parse(location, url);
    if (!is_printable(location) || location[0] == '\0')
        return false;
    if (strncmp(location, "//", 2) == 0) { // the same scheme, another host
        char whole[URL_BYTES_MAX + 8];
        int length =
            snprintf(whole, sizeof(whole), "%s:%s", url->secure ? "https" : "http", location);
        return length < (int)sizeof(whole) && url_parse(whole, url);
    }
    if (location[0] == '/')
        return take_target(url, location);
    // Beside the one that was asked for.
    size_t folder = strcspn(url->target, "?");
    if (location[0] != '?')
        while (url->target[folder - 1] != '/')
            folder--;
    if (folder + strlen(location) >= sizeof(url->target))
        return false;
    snprintf(url->target + folder, sizeof(url->target) - folder, "%.*s",
             (int)strcspn(location, "#"), location);
    return true;
}
