# SPDX-License-Identifier: MIT
# What kernel operations cost; ./toril bench kernel boots it.
APP_SOURCES_bench := $(addprefix apps/bench/,exchange.c main.c marked.c measure.c memory.c remote.c threads.c timers.c turns.c)
