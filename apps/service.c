// SPDX-License-Identifier: MIT
// A microservice, whole:
//   curl http://127.0.0.1:8080/hello/you?times=2
//   curl --data-binary @FILE http://127.0.0.1:8080/length
#include <stdlib.h>

#include "http/http.h"
#include "http/run.h"
#include "kernel/thread.h"
#include "kernel/time.h"

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

// Straight-line code that waits, in a thread of its own.
static void later(struct http_request *request)
{
    thread_sleep_until(time_now_ns() +
                       (uint64_t)atoi(http_parameter(request, "ms", NULL)) * NS_PER_MS);
    http_answer_format(request, 200, "now\n");
}

int main(int argc, char **argv)
{
    http_route("GET", "/hello/:name", hello);
    http_route("POST", "/length", length);
    http_route_add(&(struct http_route){
        .method = "GET", .path = "/later/:ms", .handle = later, .in_thread = true});
    return http_arguments(argc, argv, NULL, 0) ? 2 : http_run();
}
