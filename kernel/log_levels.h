// SPDX-License-Identifier: MIT
// Option `log`: which lines of which module are shown. MODULE:LEVEL, more of them after commas; a
// LEVEL alone is that of all modules not named. A level shows its own lines and the graver ones:
// error, warn, info, debug. Lines of "toril" are always shown.
#pragma once

#include "kernel/compiler.h"

// Takes the option's text. What it cannot mean is named on the console and has no effect.
// Context: core 0, once, before other cores start.
void log_levels_start(const char *option);
