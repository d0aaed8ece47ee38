// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

#include <nghttp2/nghttp2.h>
