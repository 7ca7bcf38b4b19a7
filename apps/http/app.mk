# The http app: its pages, and www/ packed into one C file. The server is http/.
APP_SOURCES_http := $(wildcard apps/http/*.c) build/http/www.c

build/http/www.c: http/pack.py $(shell find apps/http/www)
	@mkdir -p $(@D)
	@echo "  PACK    $@"
	@/usr/bin/python3 http/pack.py apps/http/www $@
