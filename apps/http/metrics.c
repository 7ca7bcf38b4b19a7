// SPDX-License-Identifier: MIT
// Spec: Prometheus text exposition format, version 0.0.4.
#include <inttypes.h>
#include <stdio.h>

#include "apps/http/kv.h"
#include "apps/http/network.h"
#include "apps/http/page.h"
#include "http/counters.h"
#include "http/run.h"
#include "kernel/counters.h"
#include "kernel/stats.h"
#include "kernel/time.h"
#include "tls/context.h"

static void metric_open(struct http_text *text, const char *name, const char *type,
                        const char *help)
{
    http_text_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metric_put(struct http_text *text, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    metric_open(text, name, type, help);
    http_text_format(text, "%s %" PRIu64 "\n", name, value);
}

// Prometheus counts time in seconds.
static void put_seconds(struct http_text *text, uint64_t ns)
{
    http_text_format(text, "%llu.%09llu\n", ns / NS_PER_S, ns % NS_PER_S);
}

static void metric_put_seconds(struct http_text *text, const char *name, const char *type,
                               const char *help, uint64_t ns)
{
    metric_open(text, name, type, help);
    http_text_format(text, "%s ", name);
    put_seconds(text, ns);
}

static void machine_metrics(struct http_text *text)
{
    struct machine_stats machine;
    machine_stats_get(&machine);
    metric_open(text, "toril_build_info", "gauge", "Version of this build, in its label.");
    http_text_format(text, "toril_build_info{version=\"");
    for (const char *letter = machine.version; *letter; letter++)
        http_text_format(text, *letter == '"' || *letter == '\\' ? "\\%c" : "%c", *letter);
    http_text_format(text, "\"} 1\n");
    metric_put(text, "toril_cores", "gauge", "Cores that run.", machine.cores);
    metric_put_seconds(text, "toril_uptime_seconds", "gauge", "Time since the image was entered.",
                       machine.uptime_ns);
    metric_put_seconds(text, "toril_boot_seconds", "gauge",
                       "Time from entering the image to the application's start.", machine.boot_ns);
    metric_put_seconds(text, "toril_boot_since_firmware_seconds", "gauge",
                       "Time from leaving the firmware to the application's start.",
                       machine.boot_since_firmware_ns);
}

static void put_value(struct http_text *text, const struct counter *counter, uint64_t value)
{
    if (counter->kind == COUNTER_NS)
        put_seconds(text, value);
    else
        http_text_format(text, "%" PRIu64 "\n", value);
}

static void put_samples(struct http_text *text, const struct counter *counter, const char *name,
                        unsigned core)
{
    const struct counter_items *items = counter->items;
    if (items == NULL) {
        http_text_format(text, "%s{core=\"%u\"} ", name, core);
        put_value(text, counter, counter->read(core, counter->offset));
        return;
    }
    for (unsigned item = 0; item < items->count(); item++) {
        http_text_format(text, "%s{core=\"%u\",%s=\"%s\"} ", name, core, items->label,
                         items->name(item));
        put_value(text, counter, items->read(item, core, counter->offset));
    }
}

// One row of the machine's table of counters, with a sample a core, or one for each core and
// device. By Prometheus' custom a metric's name ends with its unit, and a counter's with _total.
static void core_metric(const struct counter *counter, void *context)
{
    static const struct {
        const char *suffix, *type;
    } kinds[] = {
        [COUNTER_EVENTS] = {"_total", "counter"},     [COUNTER_BYTES] = {"_bytes_total", "counter"},
        [COUNTER_NS] = {"_seconds_total", "counter"}, [GAUGE_COUNT] = {"", "gauge"},
        [GAUGE_BYTES] = {"_bytes", "gauge"},
    };
    struct http_text *text = context;
    char name[96];
    snprintf(name, sizeof(name), "toril_%s%s", counter->name, kinds[counter->kind].suffix);
    metric_open(text, name, kinds[counter->kind].type, counter->help);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            put_samples(text, counter, name, core);
}

static void server_metrics(struct http_text *text)
{
    metric_open(text, "toril_http_requests_total", "counter",
                "Responses sent, by core and class of status.");
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        for (int kind = HTTP_RESPONSES_1XX; kind <= HTTP_RESPONSES_5XX; kind++)
            http_text_format(text,
                             "toril_http_requests_total{core=\"%u\",class=\"%dxx\"} %" PRIu64 "\n",
                             core, kind + 1, http_counted(core, (enum http_counter)kind));
    }
    uint64_t accepted = http_counted_total(HTTP_CONNECTIONS_ACCEPTED);
    metric_put(text, "toril_http_connections", "gauge", "Connections open.",
               accepted - http_counted_total(HTTP_CONNECTIONS_CLOSED));
    metric_put(text, "toril_http_connections_total", "counter", "Connections accepted.", accepted);
    metric_put(text, "toril_http_connections_evicted_total", "counter",
               "Idle connections closed to make room.",
               http_counted_total(HTTP_CONNECTIONS_EVICTED));
    metric_put(text, "toril_http_connections_refused_total", "counter",
               "Connections refused because there were too many.",
               http_counted_total(HTTP_CONNECTIONS_REFUSED));
    metric_put(text, "toril_http_timeouts_total", "counter", "Connections ended by a time limit.",
               http_counted_total(HTTP_TIMEOUTS));
    metric_put(text, "toril_http_tls_handshakes_total", "counter", "TLS handshakes done.",
               http_counted_total(HTTP_TLS_HANDSHAKES));
    metric_put(text, "toril_http_tls_failures_total", "counter",
               "TLS handshakes that failed, and connections whose records were wrong.",
               http_counted_total(HTTP_TLS_FAILURES));
    metric_put(text, "toril_http_access_log_lines_lost_total", "counter",
               "Lines of the access log for which the console was too slow.",
               http_counted_total(HTTP_LOG_LINES_LOST));
    metric_put(text, "toril_http_sent_bytes_total", "counter", "Bytes of responses.",
               http_counted_total(HTTP_BYTES_SENT));
    metric_put(text, "toril_http_received_bytes_total", "counter", "Bytes of requests.",
               http_counted_total(HTTP_BYTES_RECEIVED));
}

static void certificate_metrics(struct http_text *text)
{
    struct tls_certificate certificate;
    for (unsigned i = 0; http_certificate(i, &certificate); i++) {
        if (i == 0) // without one there is no such metric
            metric_open(text, "toril_tls_certificate_not_after_seconds", "gauge",
                        "When certificates expire, since 1970.");
        http_text_format(text,
                         "toril_tls_certificate_not_after_seconds{index=\"%u\",host=\"%s\"} %lld\n",
                         i, certificate.name, (long long)certificate.until_s);
    }
}

static void kv_metrics(struct http_text *text)
{
    struct kv_counts counts = kv_counts_get();
    metric_put(text, "toril_kv_keys", "gauge", "Keys under /kv.", counts.keys);
    metric_put(text, "toril_kv_used_bytes", "gauge", "Memory that keys and values of /kv take.",
               counts.used_bytes);
}

static void network_metrics(struct http_text *text)
{
    struct http_network network;
    http_network_get(&network);
    metric_put(text, "toril_tcp_connections", "gauge",
               "TCP connections, opening and closing ones included.", network.tcp_connections);
    metric_put(text, "toril_tcp_time_wait", "gauge", "Ended ones that are remembered for a while.",
               network.tcp_time_wait);
    metric_put(text, "toril_network_mtu_bytes", "gauge", "The longest packet of IPv4.",
               network.mtu);
    metric_put(text, "toril_network_receive_buffers_held", "gauge",
               "Receive buffers with data that is not yet taken.", network.rx_buffers_held);
    metric_put(text, "toril_network_send_buffers_held", "gauge", "Buffers being sent.",
               network.tx_buffers_held);
    http_network_tables(text);
}

void http_metrics_render(struct http_text *text)
{
    machine_metrics(text);
    counters_each(core_metric, text);
    server_metrics(text);
    certificate_metrics(text);
    kv_metrics(text);
    network_metrics(text);
}
