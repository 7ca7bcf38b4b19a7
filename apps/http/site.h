// SPDX-License-Identifier: MIT
// What the app serves: its pages and the files of www/.
#pragma once

// Context: once, before the server starts.
void site_serve(void);
