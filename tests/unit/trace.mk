# SPDX-License-Identifier: MIT
UNIT_TESTS += trace backtrace
UNIT_SOURCES_trace     := kernel/trace.c
UNIT_SOURCES_backtrace := kernel/backtrace.c
