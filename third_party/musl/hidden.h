// SPDX-License-Identifier: MIT
// Included before everything of musl: one image, so every symbol is reached directly.
#pragma GCC visibility push(hidden)
