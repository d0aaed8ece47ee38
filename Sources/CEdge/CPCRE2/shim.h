// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

// The functions for bytes; PCRE2 names none by itself. What is behind a macro of the width cannot be seen from Swift, so
// the names with the suffix are used there (pcre2api(3), "PCRE2 LIBRARY CODE UNIT WIDTHS").
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
