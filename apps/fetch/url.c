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

// "HOST", "HOST:PORT" or "[ADDRESS]:PORT" of so many bytes.
static bool take_authority(struct url *url, const char *text, size_t length)
{
    size_t host_at = text[0] == '[';
    const char *end = memchr(text, host_at ? ']' : ':', length);
    size_t host_bytes = (end == NULL ? length : (size_t)(end - text)) - host_at;
    if ((host_at && end == NULL) || host_bytes == 0 || host_bytes >= sizeof(url->host) ||
        length >= sizeof(url->authority) || memchr(text, '@', length) != NULL)
        return false;
    memcpy(url->host, text + host_at, host_bytes);
    url->host[host_bytes] = '\0';
    snprintf(url->authority, sizeof(url->authority), "%.*s", (int)length, text);
    url->port = url->secure ? 443 : 80;
    const char *port = text + host_at + host_bytes + host_at;
    if (port == text + length)
        return true;
    char *after;
    unsigned long number = strtoul(port + 1, &after, 10);
    if (*port != ':' || after != text + length || number < 1 || number > UINT16_MAX)
        return false;
    if (number == url->port)
        url->authority[port - text] = '\0';
    url->port = (uint16_t)number;
    return true;
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
    if (strstr(location, "://") != NULL)
        return url_parse(location, url);
    if (!is_printable(location) || location[0] == '\0')
        return false;
    if (strncmp(location, "//", 2) == 0) { // the same scheme, another host
        char whole[URL_BYTES_MAX];
        snprintf(whole, sizeof(whole), "%s:%s", url->secure ? "https" : "http", location);
        return url_parse(whole, url);
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
