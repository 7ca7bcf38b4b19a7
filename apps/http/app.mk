# The http app: its own sources, the fetched request parser, and www/ packed into one C file.
APP_SOURCES += $(addprefix apps/http/,connection.c counters.c date.c main.c metrics.c network.c \
    page.c resources.c server.c target.c text.c) build/http/www.c $(LLHTTP_SOURCES)
APP_CFLAGS += -isystem $(LLHTTP_DIR) -DLLHTTP_STRICT_MODE=1

build/http/www.c: apps/http/pack.py $(shell find apps/http/www -type f -o -type d)
	@mkdir -p $(@D)
	@echo "  PACK    $@"
	@/usr/bin/python3 apps/http/pack.py apps/http/www $@
