// SPDX-License-Identifier: MIT
#include "apps/http/page.h"

#include <inttypes.h>
#include <string.h>

#include "http/counters.h"
#include "kernel/time.h"

static void facts_get(struct http_facts *facts)
{
    *facts = (struct http_facts){0};
    machine_stats_get(&facts->machine);
    http_network_get(&facts->network);
    for (unsigned core = 0; core < core_count(); core++) {
        uint64_t requests = http_counted_responses(core);
        facts->requests += requests;
        if (requests > facts->busiest_requests)
            facts->busiest_requests = requests;
    }
    facts->connections_total = http_counted_total(HTTP_CONNECTIONS_ACCEPTED);
    facts->connections_open =
        facts->connections_total - http_counted_total(HTTP_CONNECTIONS_CLOSED);
    facts->handshakes = http_counted_total(HTTP_TLS_HANDSHAKES);
    facts->bytes_sent = http_counted_total(HTTP_BYTES_SENT);
}

// ---- how numbers are written --------------------------------------------------------------------

// 1234567 as "1 234 567", with narrow no-break spaces.
static void put_grouped(struct http_text *text, uint64_t number)
{
    char digits[24];
    int length = 0;
    do
        digits[length++] = (char)('0' + number % 10);
    while (number /= 10);
    while (length-- > 0) {
        http_text_put(text, &digits[length], 1);
        if (length > 0 && length % 3 == 0)
            http_text_put(text, "\u202f", 3);
    }
}

// Three significant digits: "1.25 GiB", "64 MiB", "512 B".
static void put_bytes(struct http_text *text, uint64_t bytes)
{
    static const char units[][4] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    uint64_t hundredths = bytes * 100;
    if (bytes > UINT64_MAX / 100)
        hundredths = UINT64_MAX;
    while (hundredths >= 102400 && unit + 1 < ARRAY_COUNT(units)) {
        hundredths /= 1024;
        unit++;
    }
    uint64_t whole = hundredths / 100;
    if (unit == 0 || whole >= 100 || hundredths % 100 == 0)
        http_text_format(text, "%" PRIu64, whole);
    else if (whole >= 10)
        http_text_format(text, "%" PRIu64 ".%" PRIu64, whole, hundredths % 100 / 10);
    else
        http_text_format(text, "%" PRIu64 ".%02" PRIu64, whole, hundredths % 100);
    http_text_format(text, " %s", units[unit]);
}

static void put_milliseconds(struct http_text *text, uint64_t ns)
{
    uint64_t tenths = ns / (NS_PER_MS / 10);
    if (tenths >= 1000)
        put_grouped(text, tenths / 10);
    else
        http_text_format(text, "%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
    http_text_put(text, " ms", 3);
}

// "3 d 4 h 5 min 6 s" from its first part that is not zero.
static void put_duration(struct http_text *text, uint64_t ns)
{
    uint64_t seconds = ns / NS_PER_S;
    if (seconds >= 86400)
        http_text_format(text, "%" PRIu64 " d ", seconds / 86400);
    if (seconds >= 3600)
        http_text_format(text, "%" PRIu64 " h ", seconds / 3600 % 24);
    if (seconds >= 60)
        http_text_format(text, "%" PRIu64 " min ", seconds / 60 % 60);
    http_text_format(text, "%" PRIu64 " s", seconds % 60);
}

static uint64_t memory_used(const struct http_facts *facts)
{
    return facts->machine.memory_total_bytes - facts->machine.memory_free_bytes;
}

static unsigned percent(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)((double)part * 100 / (double)whole + 0.5) : 0;
}

// Text that others supply, safe inside HTML.
static void put_escaped(struct http_text *text, const char *string)
{
    for (; *string; string++) {
        const char *special = strchr("&<>\"'", *string);
        if (special)
            http_text_format(text, "&#%d;", *special);
        else
            http_text_put(text, string, 1);
    }
}

// ---- the page -----------------------------------------------------------------------------------

void http_fact_version(struct http_text *text, const struct http_facts *facts)
{
    put_escaped(text, facts->machine.version);
}
void http_fact_network(struct http_text *text, const struct http_facts *facts)
{
    put_escaped(text, facts->network.device);
    if (!facts->network.link_up)
        http_text_format(text, ", no link");
}
void http_fact_address_rows(struct http_text *text, const struct http_facts *facts)
{
    if (!facts->network.addresses[0][0])
        http_text_format(text, "<li>no address yet</li>\n");
    for (size_t i = 0; i < HTTP_NETWORK_ADDRESSES && facts->network.addresses[i][0]; i++) {
        http_text_format(text, "<li>");
        put_escaped(text, facts->network.addresses[i]);
        http_text_format(text, "</li>\n");
    }
}
void http_fact_handshakes(struct http_text *text, const struct http_facts *facts)
{
    put_grouped(text, facts->handshakes);
}
void http_fact_uptime(struct http_text *text, const struct http_facts *facts)
{
    put_duration(text, facts->machine.uptime_ns);
}
void http_fact_boot(struct http_text *text, const struct http_facts *facts)
{
    put_milliseconds(text, facts->machine.boot_ns);
}
void http_fact_boot_firmware(struct http_text *text, const struct http_facts *facts)
{
    put_milliseconds(text, facts->machine.boot_since_firmware_ns);
}
void http_fact_cores(struct http_text *text, const struct http_facts *facts)
{
    http_text_format(text, "%u", facts->machine.cores);
}
void http_fact_requests(struct http_text *text, const struct http_facts *facts)
{
    put_grouped(text, facts->requests);
}
void http_fact_connections(struct http_text *text, const struct http_facts *facts)
{
    put_grouped(text, facts->connections_open);
}
void http_fact_connections_total(struct http_text *text, const struct http_facts *facts)
{
    put_grouped(text, facts->connections_total);
}
void http_fact_sent(struct http_text *text, const struct http_facts *facts)
{
    put_bytes(text, facts->bytes_sent);
}
void http_fact_memory_used(struct http_text *text, const struct http_facts *facts)
{
    put_bytes(text, memory_used(facts));
}
void http_fact_memory_total(struct http_text *text, const struct http_facts *facts)
{
    put_bytes(text, facts->machine.memory_total_bytes);
}
void http_fact_memory_free(struct http_text *text, const struct http_facts *facts)
{
    put_bytes(text, facts->machine.memory_free_bytes);
}
void http_fact_memory_percent(struct http_text *text, const struct http_facts *facts)
{
    http_text_format(text, "%u", percent(memory_used(facts), facts->machine.memory_total_bytes));
}
void http_fact_core_rows(struct http_text *text, const struct http_facts *facts)
{
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        uint64_t requests = http_counted_responses(core);
        http_text_format(text,
                         "<li style=\"--share:%u%%\"><span class=\"name\">core %u</span>"
                         "<span class=\"count\">",
                         percent(requests, facts->busiest_requests), core);
        put_grouped(text, requests);
        http_text_format(text, "</span><span class=\"rate\"></span></li>\n");
    }
}

void http_page_render(struct http_text *text)
{
    struct http_facts facts;
    facts_get(&facts);
    for (size_t i = 0; i < http_index_pieces_count; i++) {
        const struct http_page_piece *piece = &http_index_pieces[i];
        http_text_put(text, piece->text, piece->length);
        if (piece->fact)
            piece->fact(text, &facts);
    }
}

// ---- the same for programs ----------------------------------------------------------------------

// What the page's script needs each second: texts ready to show, and the numbers it draws.
void http_status_render(struct http_text *text)
{
    static const struct {
        const char *name;
        http_fact_fn *fact;
    } texts[] = {
        {"uptime", http_fact_uptime},
        {"requests", http_fact_requests},
        {"connections", http_fact_connections},
        {"connections_total", http_fact_connections_total},
        {"handshakes", http_fact_handshakes},
        {"sent", http_fact_sent},
        {"memory_used", http_fact_memory_used},
        {"memory_free", http_fact_memory_free},
        {"memory_percent", http_fact_memory_percent},
    };
    struct http_facts facts;
    facts_get(&facts);
    http_text_format(text, "{\"uptime_ms\":%llu,\"text\":{", facts.machine.uptime_ns / NS_PER_MS);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        http_text_format(text, "%s\"%s\":\"", i ? "," : "", texts[i].name);
        texts[i].fact(text, &facts);
        http_text_put(text, "\"", 1);
    }
    http_text_format(text, "},\"cores\":[");
    const char *comma = "";
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        http_text_format(text, "%s%" PRIu64, comma, http_counted_responses(core));
        comma = ",";
    }
    http_text_format(text, "]}\n");
}
