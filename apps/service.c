// SPDX-License-Identifier: MIT
// A microservice, whole:
//   curl http://127.0.0.1:8080/hello/you?times=2
//   curl --data-binary @FILE http://127.0.0.1:8080/length
#include <stdlib.h>

#include "http/http.h"
#include "http/run.h"

static void hello(struct http_request *request)
{
    const char *times = http_query(request, "times", NULL);
    http_answer_format(request, 200, "hello, %s%s\n", http_parameter(request, "name", NULL),
                       times && atoi(times) > 1 ? ", and again" : "");
}

static void length(struct http_request *request)
{
    size_t size_bytes;
    http_body(request, &size_bytes);
    http_answer_format(request, 200, "%zu\n", size_bytes);
}

int main(int argc, char **argv)
{
    http_route("GET", "/hello/:name", hello);
    http_route("POST", "/length", length);
    return http_arguments(argc, argv, NULL, 0) ? 2 : http_run();
}
