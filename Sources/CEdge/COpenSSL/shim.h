// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// libssl and libcrypto as the TLSSession target sees them. Static inline functions stand only where OpenSSL has a macro
// or a variadic, which Swift cannot call.

#ifndef WEFT_COPENSSL_SHIM_H
#define WEFT_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#endif
