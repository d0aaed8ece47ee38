// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// TLS that ends at a listener.
extension EnvoyValue {
    /// `tls` of a listener of a Gateway. Nil for plaintext, and where it cannot be carried over, which has been said.
    func downstreamTLS(_ importer: Importer) -> YAMLText? {
        guard let socket = extensionConfig else { return nil }
        switch socket.kind {
        case "Tls", "DownstreamTlsContext": break
        case "RawBuffer": return nil
        default:
            refuse("the transport socket `\(socket.kind)` has no counterpart", "use TLS with certificate files")
            return nil
        }
        let certificates: [YAMLText]? = socket.config.message { fields in
            fields.ignore(
                "require_sni", "disable_stateless_session_resumption", "disable_stateful_session_resumption",
                "session_timeout", "full_scan_certs_on_sni_mismatch", "prefer_client_ciphers")
            fields.note("session_ticket_keys", "session_ticket_keys_sds_secret_config", because: "is left out")
            fields.note("ocsp_staple_policy", because: "is left out: no OCSP responses are stapled")
            fields.refuseTrue(
                "require_client_certificate", because: "clients outside the mesh show no certificate at a Gateway",
                "let them call from within the mesh, where all do")
            return fields.require("common_tls_context")?.commonTLS(importer)
        }
        guard let certificates, !certificates.isEmpty else { return nil }
        return .mapping([("certificates", .list(certificates))])
    }

    private func commonTLS(_ importer: Importer) -> [YAMLText]? {
        let before = report.errorCount
        return message { fields in
            // Offered by Weft: what it speaks.
            fields.ignore("alpn_protocols")
            fields.note("tls_params", because: "is left out: versions and ciphers of TLS are chosen by Weft")
            fields.note("key_log", because: "is left out: secrets are not logged")
            fields.refuse(
                "validation_context", "validation_context_sds_secret_config", "combined_validation_context",
                because: "certificates of clients outside the mesh are not asked for",
                "let them call from within the mesh, where all have one")
            fields.refuse(
                "tls_certificate_provider_instance", "tls_certificate_certificate_provider", "custom_handshaker",
                "custom_tls_certificate_selector", because: "has no counterpart", "name files in `tls_certificates`")
            var certificates = fields.list("tls_certificates").compactMap(\.certificateFiles)
            for config in fields.list("tls_certificate_sds_secret_configs") {
                let secret: EnvoyValue? = config.message { fields in
                    fields.refuse(
                        "sds_config", because: "certificates are told by a server (SDS)",
                        "name files in `tls_certificates`")
                    guard let name = fields.require("name"), let text = name.text else { return nil }
                    let found = importer.secret(text)
                    if found == nil, fields.presence("sds_config") == nil {
                        name.complain("the secret `\(text)` does not exist", "add it to `static_resources.secrets`")
                    }
                    return found
                }
                if let certificate = secret?.certificateFiles { certificates.append(certificate) }
            }
            if certificates.isEmpty, report.errorCount == before {
                complain("there is no certificate", "name one in `tls_certificates`")
            }
            return certificates
        }
    }

    private var certificateFiles: YAMLText? {
        message { fields in
            fields.ignore("watched_directory")
            fields.refuse(
                "password", because: "a key is not encrypted", "write it to a file of its own, readable by few")
            fields.refuse(
                "pkcs12", "private_key_provider", because: "has no counterpart", "name PEM files")
            fields.note("ocsp_staple", "signed_certificate_timestamp", because: "is left out")
            let chain = fields.require("certificate_chain")?.fileName
            let key = fields.require("private_key")?.fileName
            if chain == nil || key == nil {
                complain("names no files", "write `filename` for the chain and for the key")
            }
            guard let chain, let key else { return nil }
            return .mapping([("chain", .word(chain)), ("key", .word(key))])
        }
    }

    private var fileName: String? {
        message { fields in
            fields.ignore("watched_directory")
            fields.refuse(
                "inline_string", "inline_bytes", "environment_variable",
                because: "certificates and keys are files", "write it to a file, and name it by `filename`")
            return fields.value("filename")?.scalar("a path") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
        }
    }
}
