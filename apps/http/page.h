// SPDX-License-Identifier: MIT
// Pages that show the machine: /, /status.json and /metrics. index.html in www/ is split by pack.py
// at its {{name}}s; each is written by the function http_fact_name() here.
#pragma once

#include "apps/http/network.h"
#include "http/text.h"
#include "kernel/compiler.h"
#include "kernel/stats.h"

// One look at the machine, the same for all of a page.
struct http_facts {
    struct machine_stats machine;
    struct http_network network;
    uint64_t requests, connections_open, connections_total, handshakes, bytes_sent;
    uint64_t busiest_requests; // of the core that answered most
};

typedef void http_fact_fn(struct http_text *text, const struct http_facts *facts);

struct http_page_piece {
    const char *text;
    size_t length;
    http_fact_fn *fact; // written after the text; may be NULL
};
extern const struct http_page_piece http_index_pieces[];
extern const size_t http_index_pieces_count;

void http_page_render(struct http_text *text);
void http_status_render(struct http_text *text);
void http_metrics_render(struct http_text *text);

http_fact_fn http_fact_version, http_fact_network, http_fact_uptime, http_fact_boot;
http_fact_fn http_fact_boot_firmware, http_fact_cores, http_fact_core_rows, http_fact_address_rows;
http_fact_fn http_fact_requests, http_fact_connections, http_fact_connections_total, http_fact_sent;
http_fact_fn http_fact_handshakes;
http_fact_fn http_fact_memory_used, http_fact_memory_total, http_fact_memory_free;
http_fact_fn http_fact_memory_percent;
