// SPDX-License-Identifier: MIT
#include "tls/authorities.h"

#include <stdio.h>

#include "kernel/boot_files.h"
#include "kernel/options.h"

OPTION_TEXT(tls_ca, "file of the boot volume with the authorities that a client trusts");
BOOT_FILE(tls_ca, "\\tls\\ca.pem", 1u << 20);

struct tls_context *tls_client_create_trusting(const char **protocols, char why[TLS_WHY_BYTES])
{
    const struct boot_file *file = &boot_file_tls_ca;
    static const char *const problems[] = {
        [BOOT_FILE_ABSENT] = "is not on the boot volume: it names the authorities to trust, see "
                             "option tls_ca",
        [BOOT_FILE_TOO_LARGE] = "is larger than 1 MiB",
        [BOOT_FILE_UNREADABLE] = "cannot be read by the firmware",
    };
    if (file->state != BOOT_FILE_READ) {
        snprintf(why, TLS_WHY_BYTES, "%s %s", file->path, problems[file->state]);
        return NULL;
    }
    struct tls_pem pem = {file->path, file->data, file->size_bytes};
    return tls_start(why) == 0 ? tls_client_create(&pem, protocols, why) : NULL;
}
