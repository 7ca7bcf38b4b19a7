// SPDX-License-Identifier: MIT
#include "apps/http/site.h"

#include "apps/http/page.h"
#include "http/resources.h"

static void healthz_render(struct http_text *text)
{
    http_text_put(text, "ok\n", 3);
}

static const struct http_resource rendered[] = {
    HTTP_RENDERED("/", "text/html; charset=utf-8", http_page_render),
    HTTP_RENDERED("/healthz", "text/plain; charset=utf-8", healthz_render),
    HTTP_RENDERED("/metrics", "text/plain; version=0.0.4; charset=utf-8", http_metrics_render),
    HTTP_RENDERED("/status.json", "application/json", http_status_render),
};

void site_serve(void)
{
    http_serve(http_files, http_files_count);
    http_serve(rendered, ARRAY_COUNT(rendered));
}
