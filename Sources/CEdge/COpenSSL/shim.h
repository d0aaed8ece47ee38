// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
//
// libssl and libcrypto as the TLSSession target sees them. Static inline functions stand only where OpenSSL has a macro
// or a variadic, which Swift cannot call; what they do is documented under the macro's name.

#ifndef WEFT_COPENSSL_SHIM_H
#define WEFT_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline long weft_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
static inline int weft_ctx_only_tls13(SSL_CTX *ctx) {
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
}
static inline int weft_ctx_set_groups(SSL_CTX *ctx, const char *list) { return (int)SSL_CTX_set1_groups_list(ctx, list); }
static inline int weft_ctx_set_signature_algorithms(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_sigalgs_list(ctx, list);
}
static inline int weft_ctx_add_chain_certificate(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(ctx, certificate);
}
static inline void weft_ctx_set_max_certificates(SSL_CTX *ctx, long bytes) { SSL_CTX_set_max_cert_list(ctx, bytes); }
static inline void weft_ctx_no_tickets(SSL_CTX *ctx) { SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); }
static inline void weft_ctx_no_session_cache(SSL_CTX *ctx) { SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); }
static inline void weft_ssl_set_message_argument(SSL *ssl, void *argument) { SSL_set_msg_callback_arg(ssl, argument); }
static inline int weft_ctx_from_tls12(SSL_CTX *ctx) { return (int)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION); }
static inline void weft_ctx_no_renegotiation(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}
static inline void weft_ctx_set_name_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(ctx, callback);
    SSL_CTX_set_tlsext_servername_arg(ctx, argument);
}
static inline void *weft_ssl_data(const SSL *ssl) { return SSL_get_app_data(ssl); }
static inline void weft_ssl_set_data(SSL *ssl, void *data) { SSL_set_app_data(ssl, data); }

static inline int weft_certificates_count(const STACK_OF(X509) * stack) { return sk_X509_num(stack); }
static inline X509 *weft_certificates_at(const STACK_OF(X509) * stack, int index) { return sk_X509_value(stack, index); }
static inline STACK_OF(X509) * weft_certificates_new(void) { return sk_X509_new_null(); }
static inline int weft_certificates_push(STACK_OF(X509) * stack, X509 *certificate) {
    return sk_X509_push(stack, certificate);
}
/// Frees the stack and drops one reference of each certificate in it.
static inline void weft_certificates_free(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

static inline int weft_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline const GENERAL_NAME *weft_names_at(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}
static inline int weft_name_is_uri(const GENERAL_NAME *name) { return name->type == GEN_URI; }
/// True for the types that are an IA5String, which weft_name_text takes.
static inline int weft_name_is_text(const GENERAL_NAME *name) {
    return name->type == GEN_URI || name->type == GEN_DNS || name->type == GEN_EMAIL;
}
static inline const unsigned char *weft_name_text(const GENERAL_NAME *name, int *length) {
    *length = ASN1_STRING_length(name->d.ia5);
    return ASN1_STRING_get0_data(name->d.ia5);
}
static inline void weft_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

static inline EVP_PKEY *weft_make_p256(void) { return EVP_EC_gen("P-256"); }
static inline long weft_bio_bytes(BIO *bio, const char **bytes) { return BIO_get_mem_data(bio, (char **)bytes); }
static inline int weft_ssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline BIO *weft_bio_of_bytes(const void *bytes, int count) { return BIO_new_mem_buf(bytes, count); }

#endif
