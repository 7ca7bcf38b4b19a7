// SPDX-License-Identifier: MIT
// The http app: a status page of the machine, metrics, the files of www/, and keys with values.
// Its arguments are those of http/run.h, and
//   kv=64   how many MiB keys and values of /kv may take; 0: no such resource
#include "apps/http/kv.h"
#include "apps/http/site.h"
#include "http/run.h"

int main(int argc, char **argv)
{
    unsigned kv_mib = 64;
    const struct http_setting settings[] = {{"kv", &kv_mib, 0, 1 << 20, NULL}};
    int status = http_arguments(argc, argv, settings, ARRAY_COUNT(settings));
    if (status)
        return status;
    site_serve();
    kv_serve(kv_mib);
    return http_run_secure();
}
