# A client of HTTP and HTTPS.
APP_CFLAGS_fetch := -isystem $(LLHTTP_DIR)
