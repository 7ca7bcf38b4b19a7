// SPDX-License-Identifier: MIT
#pragma once

#define TORIL_VERSION "0.1"
