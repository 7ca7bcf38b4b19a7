// SPDX-License-Identifier: MIT
#include "kernel/log_levels.h"

#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "kernel/main.h"
#include "kernel/options.h"

OPTION_TEXT(log, "[MODULE:]LEVEL,...: error, warn, info or debug lines");

// All that lines of the kernel begin with (tests/lint/modules.py compares); an app's begin with its
// name.
static const char *const modules[] = {
    "acpi",    "boot",       "clock",  "console",  "debugger", "e1000",  "http",
    "idle",    "interrupts", "keys",   "net",      "nmi",      "ntp",    "numa",
    "options", "pci",        "posix",  "power",    "profile",  "random", "smp",
    "time",    "trace",      "virtio", "watchdog",
};
static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug"};

// Read-only once the option was read. The last place is the app's.
static enum log_level levels[ARRAY_COUNT(modules) + 1];
static enum log_level other_level = LOG_INFO;

static const char *module_name(size_t i)
{
    return i < ARRAY_COUNT(modules) ? modules[i] : app_name;
}

static bool equals(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

// Returns: its place in levels[], ARRAY_COUNT(levels) if there is none.
static size_t find_module(const char *text, size_t length)
{
    size_t i = 0;
    while (i < ARRAY_COUNT(levels) && !equals(text, length, module_name(i)))
        i++;
    return i;
}

// What begins with this is always shown: it says how the machine began and ended, and is read by
// programs.
#define ALWAYS "toril: "

static bool shows(const char *format, enum log_level level)
{
    if (strncmp(format, ALWAYS, sizeof(ALWAYS) - 1) == 0)
        return true;
    const char *colon = strchr(format, ':');
    size_t module =
        colon == NULL ? ARRAY_COUNT(levels) : find_module(format, (size_t)(colon - format));
    return level <= (module < ARRAY_COUNT(levels) ? levels[module] : other_level);
}

static void name_modules(const char *text, size_t length)
{
    char known[256] = "";
    for (size_t i = 0, used = 0; i < ARRAY_COUNT(levels) && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", module_name(i));
    log_warn("options: log: no module \"%.*s\"; there are:%s", (int)length, text, known);
}

// Returns: LOG_LEVELS after saying that there is no such level.
static enum log_level read_level(const char *text, size_t length)
{
    for (enum log_level level = 0; level < LOG_LEVELS; level++)
        if (equals(text, length, level_names[level]))
            return level;
    log_warn("options: log: no level \"%.*s\"; there are: error warn info debug", (int)length,
             text);
    return LOG_LEVELS;
}

// One piece between commas. A level alone has an effect in the first pass, a module's in the
// second.
static void take_piece(const char *text, size_t length, bool modules_too)
{
    const char *colon = memchr(text, ':', length);
    if (modules_too == (colon == NULL))
        return;
    const char *level_text = colon == NULL ? text : colon + 1;
    enum log_level level = read_level(level_text, (size_t)(text + length - level_text));
    if (colon == NULL && level < LOG_LEVELS) {
        other_level = level;
    } else if (colon != NULL) {
        size_t module = find_module(text, (size_t)(colon - text));
        if (module == ARRAY_COUNT(levels))
            name_modules(text, (size_t)(colon - text));
        else if (level < LOG_LEVELS)
            levels[module] = level;
    }
}

static void take_pieces(const char *option, bool modules_too)
{
    for (const char *piece = option; piece != NULL;) {
        const char *comma = strchr(piece, ',');
        take_piece(piece, comma == NULL ? strlen(piece) : (size_t)(comma - piece), modules_too);
        piece = comma == NULL ? NULL : comma + 1;
    }
}

void log_levels_start(const char *option)
{
    other_level = LOG_INFO;
    take_pieces(option, false);
    for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
        levels[i] = other_level;
    take_pieces(option, true);
    log_debug_on = other_level == LOG_DEBUG;
    for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
        log_debug_on |= levels[i] == LOG_DEBUG;
    log_shows = shows;
}
