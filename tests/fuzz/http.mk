# The HTTP server's parsers. The fetched one is compiled here too, so that its branches guide the fuzzer.
FUZZ_TESTS += http_request http_text http_kv
FUZZ_HTTP_SOURCES := $(HTTP_WITHOUT_TCP) $(LLHTTP_SOURCES) build/unit/http_statuses.c

build/fuzz/http_www.c: http/pack.py $(wildcard tests/fuzz/www/*)
	@mkdir -p $(@D)
	@/usr/bin/python3 http/pack.py tests/fuzz/www $@

FUZZ_SOURCES_http_request = $(FUZZ_HTTP_SOURCES) build/fuzz/http_www.c
FUZZ_CFLAGS_http_request := -isystem $(LLHTTP_DIR) -DLLHTTP_STRICT_MODE=1
FUZZ_DEPENDS_http_request := tests/fuzz/http_input.h
FUZZ_SOURCES_http_text = http/conditions.c http/date.c http/encoding.c http/known_fields.c http/ranges.c http/target.c
FUZZ_SOURCES_http_kv = $(FUZZ_HTTP_SOURCES) apps/http/kv.c apps/http/kv_store.c kernel/siphash.c
FUZZ_CFLAGS_http_kv := $(FUZZ_CFLAGS_http_request)
FUZZ_DEPENDS_http_kv := tests/fuzz/http_input.h tests/unit/http_kv_machine.h
