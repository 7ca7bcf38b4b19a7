# The HTTP server without TCP: connections and what they serve, with the pages of the http app. The fetched parser is
# built once, without warnings as errors: it is not ours.
ifndef LLHTTP_DIR
include third_party/third_party.mk
endif
HTTP_UNIT_LLHTTP := $(LLHTTP_SOURCES:$(LLHTTP_DIR)/%.c=build/unit/llhttp_%.o)
HTTP_WITHOUT_TCP := $(filter-out $(addprefix http/,access_log.c server.c secure.c run.c run_secure.c), \
    $(sort $(wildcard http/*.c))) tests/unit/fake_access_log.c
HTTP_UNIT_SOURCES := $(HTTP_WITHOUT_TCP) $(addprefix apps/http/,metrics.c page.c site.c) \
    build/unit/http_www.c build/unit/http_statuses.c
HTTP_UNIT_HEADERS := $(wildcard http/*.h apps/http/*.h) tests/unit/http_client.h tests/unit/http_machine.h

build/unit/llhttp_%.o: $(LLHTTP_DIR)/%.c | $(THIRD_PARTY_STAMP)
	@mkdir -p $(@D)
	@gcc -g -O1 -DLLHTTP_STRICT_MODE=1 -fsanitize=address,undefined -c -o $@ $<
build/unit/http_www.c: http/pack.py $(shell find apps/http/www -type f)
	@mkdir -p $(@D)
	@/usr/bin/python3 http/pack.py apps/http/www $@
build/unit/http_statuses.c: http/pack.py
	@mkdir -p $(@D)
	@/usr/bin/python3 http/pack.py --statuses $@

UNIT_TESTS += http http_files http_hosts http_log http_routes http_pages
UNIT_CFLAGS_http := -isystem $(LLHTTP_DIR)
UNIT_CFLAGS_http_routes := -isystem $(LLHTTP_DIR)
UNIT_SOURCES_http := $(HTTP_UNIT_SOURCES) $(HTTP_UNIT_LLHTTP)
UNIT_DEPENDS_http := $(HTTP_UNIT_HEADERS)
UNIT_CFLAGS_http_files := $(UNIT_CFLAGS_http)
UNIT_CFLAGS_http_hosts := $(UNIT_CFLAGS_http)
UNIT_CFLAGS_http_log := $(UNIT_CFLAGS_http)
UNIT_SOURCES_http_files := $(UNIT_SOURCES_http)
UNIT_SOURCES_http_hosts := $(UNIT_SOURCES_http)
UNIT_SOURCES_http_log := $(UNIT_SOURCES_http) http/access_log.c
UNIT_DEPENDS_http_files := $(HTTP_UNIT_HEADERS)
UNIT_DEPENDS_http_hosts := $(HTTP_UNIT_HEADERS)
UNIT_DEPENDS_http_log := $(HTTP_UNIT_HEADERS)
UNIT_SOURCES_http_routes := $(filter-out apps/% %/http_www.c,$(HTTP_UNIT_SOURCES)) $(HTTP_UNIT_LLHTTP)
UNIT_DEPENDS_http_routes := $(HTTP_UNIT_HEADERS)
UNIT_SOURCES_http_pages := $(filter-out $(addprefix http/,connection.c connection_log.c output.c parser.c route.c request.c answer.c), \
    $(HTTP_UNIT_SOURCES))
UNIT_DEPENDS_http_pages := $(HTTP_UNIT_HEADERS)

UNIT_TESTS += http_kv
UNIT_CFLAGS_http_kv := $(UNIT_CFLAGS_http)
UNIT_SOURCES_http_kv := $(UNIT_SOURCES_http_routes) apps/http/kv.c apps/http/kv_store.c kernel/siphash.c
UNIT_DEPENDS_http_kv := $(HTTP_UNIT_HEADERS)

# The server on the unedited TCP/IP stack, which net.mk compiles (its variables are known by the
# time a recipe runs), and its fake world.
UNIT_TESTS += http_server
UNIT_CFLAGS_http_server = -isystem $(LLHTTP_DIR) $(NET_UNIT_CFLAGS)
UNIT_SOURCES_http_server = $(HTTP_UNIT_SOURCES) apps/http/network.c http/server.c \
    $(HTTP_UNIT_LLHTTP) $(UNIT_SOURCES_net)
UNIT_DEPENDS_http_server = $(HTTP_UNIT_HEADERS) tests/unit/test_net_world.h

# Not a test: the app's pages on a socket of the host, to look at in a browser.
build/unit/http_host_server: tests/unit/http_host_server.c tests/unit/host.c \
    $(UNIT_SOURCES_http) $(HTTP_UNIT_HEADERS)
	@gcc $(UNIT_CFLAGS) $(UNIT_CFLAGS_http) -o $@ $< tests/unit/host.c $(UNIT_SOURCES_http) -lcmocka
