// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What a leaf may do, and how certificates are written down.
extension CertificateTable {
    func leaves() throws -> [CertificateCase] {
        func leaf(_ name: String, _ code: ErrorCode, _ edit: @escaping TestMesh.Edit) throws -> CertificateCase {
            try bent(name, code, leaf: edit)
        }
        let signing = try TestMesh(
            now: now,
            intermediate: {
                $0.subject = "intermediate"
                $0.set(.names(.uri("spiffe://mesh.example/ns/default/sa/web")))
            })
        return [
            try leaf("a leaf that says it is a CA", .leafIsAuthority) { $0.set(.basicConstraints(isAuthority: true)) },
            CertificateCase(
                "an intermediate that stands as a leaf", signing, [signing.intermediate], .rejected(.leafIsAuthority)),
            CertificateCase("a root that stands as a leaf", signing, [signing.root], .rejected(.malformedIdentity)),
            try leaf("a leaf without keyUsage", .leafKeyUsage) { $0.remove(.keyUsage) },
            try leaf("a keyUsage that is not critical", .leafKeyUsage) {
                $0.set(.keyUsage(.digitalSignature, critical: false))
            },
            try leaf("a keyUsage without digitalSignature", .leafKeyUsage) { $0.set(.keyUsage(.keyEncipherment)) },
            try leaf("a leaf that may sign certificates", .leafKeyUsage) {
                $0.set(.keyUsage(.digitalSignature, .keyCertSign))
            },
            try leaf("a leaf that may sign CRLs", .leafKeyUsage) { $0.set(.keyUsage(.digitalSignature, .cRLSign)) },
            try leaf("a leaf for servers only", .leafExtendedKeyUsage) { $0.set(.extendedKeyUsage(.serverAuth)) },
            try leaf("a leaf for clients only", .leafExtendedKeyUsage) { $0.set(.extendedKeyUsage(.clientAuth)) },
            try leaf("a leaf for code only", .leafExtendedKeyUsage) { $0.set(.extendedKeyUsage(.codeSigning)) },
            try leaf("a leaf for anything", .leafExtendedKeyUsage) { $0.set(.extendedKeyUsage(.any)) },
        ]
    }

    func encodings() throws -> [CertificateCase] {
        let mesh = try TestMesh(now: now)
        let leaf = try mesh.leaf()
        var long = leaf
        long.der.append(0)
        var garbage = leaf
        garbage.der = Array("not a certificate".utf8)
        var cut = leaf
        cut.der.removeLast(10)
        let invalid = CertificateCase.Expectation.rejected(.certificateInvalid)
        let uri = TestExtension.Name.uri("spiffe://mesh.example/ns/default/sa/admin")
        return [
            CertificateCase("no certificate at all", mesh, [], .rejected(.noCertificate)),
            CertificateCase("bytes that are no certificate", mesh, [garbage, mesh.intermediate], invalid),
            CertificateCase("bytes that are no certificate after the leaf", mesh, [leaf, garbage], invalid),
            CertificateCase("a leaf that ends early", mesh, [cut, mesh.intermediate], invalid),
            CertificateCase("a leaf with a byte too many", mesh, [long, mesh.intermediate], invalid),
            try bent("a leaf with two extensions of names", .certificateInvalid, leaf: { $0.add(.names(uri)) }),
            try bent("a leaf with two keyUsages", .certificateInvalid, leaf: { $0.add(.keyUsage(.digitalSignature)) }),
            try bent(
                "an intermediate with two basicConstraints", .certificateInvalid,
                intermediate: { $0.add(.basicConstraints(isAuthority: true, pathLength: 9)) }),
            try bent("a keyUsage that cannot be read", .certificateInvalid, leaf: { $0.set(.garbled(.keyUsage)) }),
            try bent(
                "an extendedKeyUsage that cannot be read", .certificateInvalid,
                leaf: { $0.set(.garbled(.extendedKeyUsage)) }),
            try bent(
                "name constraints that cannot be read", .certificateInvalid,
                intermediate: { $0.set(.garbled(.nameConstraints)) }),
            try bent("a leaf of version 1 with extensions", .certificateInvalid, leaf: { $0.version = nil }),
            try bent(
                "a critical extension of the leaf that nobody knows", .unhandledExtension,
                leaf: { $0.add(.unknown(critical: true)) }),
            try bent(
                "a critical extension of the intermediate that nobody knows", .unhandledExtension,
                intermediate: { $0.add(.unknown(critical: true)) }),
            try bent(
                "a critical extension of the root that nobody knows", .unhandledExtension,
                root: { $0.add(.unknown(critical: true)) }),
        ]
    }
}
