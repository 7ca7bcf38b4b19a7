// SPDX-License-Identifier: MIT
// The http app: a status page of the machine, metrics, and the files of www/. Its arguments are
// those of http/run.h.
#include "apps/http/site.h"
#include "http/run.h"

int main(int argc, char **argv)
{
    int status = http_arguments(argc, argv, NULL, 0);
    if (status)
        return status;
    site_serve();
    return http_run();
}
