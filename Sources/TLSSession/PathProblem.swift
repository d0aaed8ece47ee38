// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import MeshModel

/// Why OpenSSL found no path to a root, or none that holds, as a code of ours.
enum PathProblem {
    static func read(_ context: OpaquePointer) -> Problem {
        let error = unsafe X509_STORE_CTX_get_error(context)
        let code = unsafe code(error, context)
        let depth = unsafe Int(X509_STORE_CTX_get_error_depth(context))
        // Without a path to the end, what it ends with is no root.
        let isPathWhole = code != .unknownRoot && code != .chainTooLong
        let count = unsafe Int(weft_certificates_count(X509_STORE_CTX_get0_chain(context)))
        let place = ChainPlace.name(depth, of: isPathWhole ? max(2, count) : .max)
        return Problem(code, at: place, unsafe String(cString: X509_verify_cert_error_string(Int(error))))
    }

    private static func code(_ error: Int32, _ context: OpaquePointer) -> ErrorCode {
        switch error {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_SUBJECT_ISSUER_MISMATCH,
            X509_V_ERR_AKID_SKID_MISMATCH, X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
            .unknownRoot
        case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE,
            X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY:
            .badSignature
        case X509_V_ERR_CERT_CHAIN_TOO_LONG: .chainTooLong
        // Of a CA that may not sign OpenSSL says the same as of one that is none.
        case X509_V_ERR_INVALID_CA, X509_V_ERR_INVALID_NON_CA:
            unsafe isAuthority(X509_STORE_CTX_get_current_cert(context)) ? .issuerKeyUsage : .issuerNotAuthority
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: .issuerKeyUsage
        case X509_V_ERR_PATH_LENGTH_EXCEEDED, X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION,
            X509_V_ERR_SUBTREE_MINMAX, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE,
            X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
            .pathLength
        case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION: .unhandledExtension
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK: .weakSignature
        default: .certificateInvalid
        }
    }

    private static func isAuthority(_ certificate: OpaquePointer?) -> Bool {
        guard let certificate = unsafe certificate else { return false }
        return unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_CA) != 0
    }
}
