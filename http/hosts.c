// SPDX-License-Identifier: MIT
#include "http/hosts.h"

#include <string.h>
#include <strings.h>

#include "http/resources.h"
#include "http/target.h"

#define FOLDER_BYTES_MAX 128

size_t http_hosts_count;
static struct http_host hosts[HTTP_HOSTS_MAX];

// Leaves out the port and a final dot. Returns: the name's length.
static size_t name_length_of(const char *host, size_t length)
{
    const char *close = length > 0 && host[0] == '[' ? memchr(host, ']', length) : NULL;
    if (close)
        return (size_t)(close - host) + 1;
    const char *colon = memchr(host, ':', length);
    if (colon)
        length = (size_t)(colon - host);
    return length > 1 && host[length - 1] == '.' ? length - 1 : length;
}

const char *http_host_add(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (text[0] == '[' && colon[-1] != ']'))
        return "it is NAME:FOLDER";
    const char *folder = colon + 1;
    size_t name_length = (size_t)(colon - text), folder_length = strlen(folder);
    if (name_length_of(text, name_length) != name_length)
        return "its name has a port or a dot at its end";
    while (folder_length > 0 && *folder == '/') {
        folder++;
        folder_length--;
    }
    while (folder_length > 0 && folder[folder_length - 1] == '/')
        folder_length--;
    if (folder_length == 0 || folder_length > FOLDER_BYTES_MAX)
        return "it names no folder";
    if (http_host_find(text, name_length))
        return "that name has a folder already";
    if (http_hosts_count == HTTP_HOSTS_MAX)
        return "there are too many";
    hosts[http_hosts_count++] = (struct http_host){text, name_length, folder, folder_length};
    return NULL;
}

const char *http_host_without_files(void)
{
    for (size_t i = 0; i < http_hosts_count; i++)
        if (!http_has_folder(hosts[i].folder, hosts[i].folder_length))
            return hosts[i].name;
    return NULL;
}

const struct http_host *http_host_find(const char *host, size_t length)
{
    length = name_length_of(host, length);
    for (size_t i = 0; i < http_hosts_count; i++)
        if (hosts[i].name_length == length && strncasecmp(hosts[i].name, host, length) == 0)
            return &hosts[i];
    return NULL;
}

const struct http_resource *http_host_resource(const struct http_host *host, const char *path,
                                               size_t length)
{
    char whole[1 + FOLDER_BYTES_MAX + HTTP_TARGET_BYTES_MAX];
    whole[0] = '/';
    memcpy(whole + 1, host->folder, host->folder_length);
    memcpy(whole + 1 + host->folder_length, path, length);
    return http_find(whole, 1 + host->folder_length + length);
}
