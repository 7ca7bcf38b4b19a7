# The http app: its own sources, www/ packed into one C file, and the fetched request parser, which is
# compiled as it is, without our warnings.
APP_SOURCES_http := $(addprefix apps/http/,connection.c counters.c date.c main.c memo.c metrics.c network.c \
    page.c resources.c server.c target.c text.c) build/http/www.c
APP_CFLAGS_http := -isystem $(LLHTTP_DIR)
APP_OBJECTS_http := $(LLHTTP_SOURCES:$(LLHTTP_DIR)/%.c=build/http/obj/llhttp/%.o)

$(APP_OBJECTS_http): build/http/obj/llhttp/%.o: $(LLHTTP_DIR)/%.c | $(MUSL_LIB)
	@mkdir -p $(@D)
	@echo "  CC      llhttp/$*.c"
	@$(CC) $(CFLAGS) -DLLHTTP_STRICT_MODE=1 -MMD -MP -c -o $@ $<

build/http/www.c: apps/http/pack.py $(shell find apps/http/www)
	@mkdir -p $(@D)
	@echo "  PACK    $@"
	@/usr/bin/python3 apps/http/pack.py apps/http/www $@
