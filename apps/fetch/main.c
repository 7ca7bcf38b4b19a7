// SPDX-License-Identifier: MIT
// Fetches what is at URLs, by HTTP or HTTPS, and prints it: how a client looks.
//   fetch [everywhere] URL...   everywhere: each core that has queues of the card fetches them
// Returns: 0 when all came whole. Else of the last that did not: 1 if it did not come, 2 if it is
// no URL, 3 if the server answered with an error (400 and above); a line says why.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apps/fetch/stream.h"
#include "apps/fetch/url.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"
#include "net/spread.h"
#include "smp/exchange.h"
#include "smp/remote.h"
#include "tls/context.h"

#include <llhttp.h>

#define REDIRECTIONS_MAX 10
#define PATIENCE_NS      (60 * NS_PER_S) // for one answer

enum outcome { FETCHED, FAILED, USAGE, REFUSED };

// ---- one answer ---------------------------------------------------------------------------------

struct answer {
    llhttp_t parser; // its `data` is this
    char field[16], location[URL_BYTES_MAX];
    size_t field_bytes, location_bytes;
    bool is_location, whole;
};

static bool is_redirection(const struct answer *answer)
{
    unsigned status = answer->parser.status_code;
    return answer->location_bytes > 0 &&
           (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *answer = parser->data;
    for (size_t i = 0; i < length; i++)
        if (answer->field_bytes < sizeof(answer->field))
            answer->field[answer->field_bytes++] = at[i];
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    struct answer *answer = parser->data;
    answer->is_location =
        answer->field_bytes == 8 && strncasecmp(answer->field, "Location", 8) == 0;
    answer->field_bytes = 0;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *answer = parser->data;
    if (!answer->is_location || answer->location_bytes + length >= sizeof(answer->location))
        return 0;
    memcpy(answer->location + answer->location_bytes, at, length);
    answer->location_bytes += length;
    answer->location[answer->location_bytes] = '\0';
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    if (!is_redirection(parser->data))
        fwrite(at, 1, length, stdout);
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct answer *answer = parser->data;
    answer->whole = parser->status_code >= 200; // others come before the answer
    return answer->whole ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {.on_header_field = on_field,
                                           .on_header_field_complete = on_field_complete,
                                           .on_header_value = on_value,
                                           .on_body = on_body,
                                           .on_message_complete = on_complete};

static int ask(struct stream *stream, const struct url *url)
{
    char request[URL_BYTES_MAX + 512];
    int size = snprintf(request, sizeof(request),
                        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: toril-fetch\r\n"
                        "Accept: */*\r\nConnection: close\r\n\r\n",
                        url->target, url->authority);
    return stream_send(stream, request, (size_t)size);
}

// Reads a whole answer and prints its body. Returns: NULL, or what is wrong.
static const char *hear(struct stream *stream, struct answer *answer)
{
    llhttp_init(&answer->parser, HTTP_RESPONSE, &settings);
    answer->parser.data = answer;
    while (!answer->whole) {
        char data[4096];
        ssize_t size = stream_receive(stream, data, sizeof(data));
        if (size < 0)
            return stream_error(stream, (int)size);
        enum llhttp_errno error = size > 0 ? llhttp_execute(&answer->parser, data, (size_t)size)
                                           : llhttp_finish(&answer->parser);
        if (answer->whole)
            break;
        if (error != HPE_OK || size == 0)
            return size == 0 ? "it ended before it was whole" : "it is no HTTP";
    }
    return NULL;
}

// ---- one URL ------------------------------------------------------------------------------------

static enum outcome complain(const char *url, const char *why)
{
    fflush(stdout);
    printf("fetch: %s: %s\n", url, why);
    return FAILED;
}

// Fetches one URL. A redirection makes it another.
static enum outcome fetch_one(struct url *url, bool *redirected)
{
    char why[STREAM_WHY_BYTES];
    struct answer answer = {.whole = false};
    struct stream *stream =
        stream_open(url->host, url->port, url->secure, time_now_ns() + PATIENCE_NS, why);
    if (stream == NULL)
        return complain(url->authority, why);
    int error = ask(stream, url);
    const char *wrong = error != 0 ? stream_error(stream, error) : hear(stream, &answer);
    if (wrong != NULL)
        complain(url->authority, wrong);
    stream_close(stream);
    if (wrong != NULL)
        return FAILED;
    *redirected = is_redirection(&answer);
    if (*redirected && !url_follow(url, answer.location))
        return complain(answer.location, "the server leads there, which cannot be fetched");
    if (answer.parser.status_code < 400)
        return FETCHED;
    snprintf(why, sizeof(why), "the server's answer is %u", answer.parser.status_code);
    complain(url->authority, why);
    return REFUSED;
}

static enum outcome fetch(const char *text)
{
    struct url url;
    if (!url_parse(text, &url)) {
        complain(text, "this is no URL with http:// or https://");
        return USAGE;
    }
    for (int i = 0; i <= REDIRECTIONS_MAX; i++) {
        bool redirected = false;
        enum outcome outcome = fetch_one(&url, &redirected);
        fflush(stdout);
        if (!redirected)
            return outcome;
    }
    return complain(text, "the server leads on and on");
}

// ---- on each core -------------------------------------------------------------------------------

struct job { // one a core; it comes back to core 0
    struct exchange_message message;
    char **urls; // up to NULL
    enum outcome outcome;
};

static struct thread *main_thread; // core 0's, as are these
static unsigned jobs_left;
static enum outcome last_failure;

static enum outcome fetch_all(char **urls)
{
    enum outcome all = FETCHED;
    for (; *urls != NULL; urls++) {
        enum outcome one = fetch(*urls);
        if (one != FETCHED)
            all = one;
    }
    return all;
}

static void job_returned(struct exchange_message *message)
{
    struct job *job = CONTAINER_OF(message, struct job, message);
    if (job->outcome != FETCHED)
        last_failure = job->outcome;
    free(job);
    jobs_left--;
    thread_wake(main_thread);
}

static void run_job(void *argument)
{
    struct job *job = argument;
    job->outcome = fetch_all(job->urls);
    job->message.receive = job_returned;
    exchange_send(0, &job->message);
}

static int prepare_nothing(void *argument, unsigned cores)
{
    (void)argument;
    (void)cores;
    return 0;
}

static enum outcome fetch_everywhere(char **urls)
{
    main_thread = thread_self();
    int error = net_spread(prepare_nothing, NULL);
    for (unsigned i = 0; error == 0 && i < net_spread_count; i++) {
        struct job *job = malloc(sizeof(*job));
        error = -ENOMEM;
        if (job == NULL)
            break;
        *job = (struct job){.urls = urls};
        jobs_left++;
        error = thread_create_on(net_spread_core(i), "fetch", run_job, job);
        jobs_left -= error != 0;
    }
    while (jobs_left > 0)
        thread_wait_until(TIME_NEVER);
    return error != 0 ? complain("everywhere", strerror(-error)) : last_failure;
}

int main(int argc, char **argv)
{
    char why[TLS_WHY_BYTES];
    bool everywhere = argc > 1 && strcmp(argv[1], "everywhere") == 0;
    if (argc < 2 + everywhere) {
        printf("fetch: expected [everywhere] URL...\n");
        return USAGE;
    }
    (void)!tls_start(why); // who comes to need it is told why it cannot be
    return everywhere ? fetch_everywhere(argv + 2) : fetch_all(argv + 1);
}
