# A client of HTTP and HTTPS.
APP_SOURCES_fetch := $(wildcard apps/fetch/*.c)
APP_CFLAGS_fetch := -isystem $(LLHTTP_DIR)
