# The HTTP server without TCP: connections and what they serve, with the pages of the http app. The fetched parser is
# built once, without warnings as errors: it is not ours.
ifndef LLHTTP_DIR
include third_party/third_party.mk
endif
HTTP_UNIT_LLHTTP := $(LLHTTP_SOURCES:$(LLHTTP_DIR)/%.c=build/unit/llhttp_%.o)
HTTP_WITHOUT_TCP := $(filter-out $(addprefix http/,access_log.c server.c session.c secure.c run.c run_secure.c), \
    $(sort $(wildcard http/*.c))) tests/unit/fake_access_log.c
HTTP_UNIT_SOURCES := $(HTTP_WITHOUT_TCP) $(addprefix apps/http/,metrics.c page.c site.c) \
    build/unit/http_www.c build/unit/http_statuses.c
HTTP_UNIT_HEADERS := $(wildcard http/*.h apps/http/*.h) $(wildcard tests/unit/http_*.h)

build/unit/llhttp_%.o: $(LLHTTP_DIR)/%.c | $(THIRD_PARTY_STAMP)
	@mkdir -p $(@D)
	@gcc -g -O1 -DLLHTTP_STRICT_MODE=1 -fsanitize=address,undefined -c -o $@ $<
build/unit/http_www.c: http/pack.py $(shell find apps/http/www -type f)
	@mkdir -p $(@D)
	@/usr/bin/python3 http/pack.py apps/http/www $@
build/unit/http_statuses.c: http/pack.py
	@mkdir -p $(@D)
	@/usr/bin/python3 http/pack.py --statuses $@

# All of it.
HTTP_UNIT_TESTS := http http_files http_hosts http_memo http_log http_routes http_answers http_kv
UNIT_TESTS += http http_files http_hosts http_memo http_log http_routes http_answers http_kv
define http_unit_test
UNIT_CFLAGS_$(1) := -isystem $(LLHTTP_DIR)
UNIT_SOURCES_$(1) := $(HTTP_UNIT_SOURCES) $(HTTP_UNIT_LLHTTP)
UNIT_DEPENDS_$(1) := $(HTTP_UNIT_HEADERS)
endef
$(foreach name,$(HTTP_UNIT_TESTS),$(eval $(call http_unit_test,$(name))))
UNIT_SOURCES_http_log += http/access_log.c
# These have no app's pages: they serve what they are about.
UNIT_SOURCES_http_routes := $(filter-out apps/% %/http_www.c,$(UNIT_SOURCES_http_routes))
UNIT_SOURCES_http_answers := $(UNIT_SOURCES_http_routes)
UNIT_SOURCES_http_kv := $(UNIT_SOURCES_http_routes) apps/http/kv.c apps/http/kv_store.c kernel/siphash.c

# Parts of it.
UNIT_TESTS += http_pages http_fields http_ranges http_target
UNIT_SOURCES_http_pages := $(filter-out $(addprefix http/,connection.c connection_log.c output.c parser.c route.c request.c answer.c), \
    $(HTTP_UNIT_SOURCES))
UNIT_DEPENDS_http_pages := $(HTTP_UNIT_HEADERS)
UNIT_SOURCES_http_fields := http/conditions.c http/date.c http/encoding.c http/known_fields.c
UNIT_DEPENDS_http_fields := $(HTTP_UNIT_HEADERS)
UNIT_SOURCES_http_ranges := http/ranges.c
UNIT_DEPENDS_http_ranges := $(HTTP_UNIT_HEADERS)
UNIT_SOURCES_http_target := http/target.c
UNIT_DEPENDS_http_target := $(HTTP_UNIT_HEADERS)

# The server on the unedited TCP/IP stack, which net.mk compiles (its variables are known by the
# time a recipe runs), and its fake world.
UNIT_TESTS += http_server
UNIT_CFLAGS_http_server = -isystem $(LLHTTP_DIR) $(NET_UNIT_CFLAGS)
UNIT_SOURCES_http_server = $(HTTP_UNIT_SOURCES) apps/http/network.c http/server.c http/session.c \
    $(HTTP_UNIT_LLHTTP) $(UNIT_SOURCES_net)
UNIT_DEPENDS_http_server = $(HTTP_UNIT_HEADERS) tests/unit/fake_net_world.h

# Not a test: the app's pages on a socket of the host, to look at in a browser.
build/unit/http_host_server: tests/unit/http_host_server.c tests/unit/host.c \
    $(UNIT_SOURCES_http) $(HTTP_UNIT_HEADERS)
	@gcc $(UNIT_CFLAGS) $(UNIT_CFLAGS_http) -o $@ $< tests/unit/host.c $(UNIT_SOURCES_http) -lcmocka
