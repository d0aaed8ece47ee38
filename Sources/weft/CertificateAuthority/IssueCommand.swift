// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// `weft ca issue`.
struct IssueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Make a workload's key and certificate.",
        discussion: """
            Writes chain.pem, key.pem and bundle.pem, the three files that a proxy's `identity` section names; the key is \
            readable by its owner alone. Nothing is overwritten, unless --renew says that an earlier set is to be \
            replaced: then with a fresh key, the same owner and modes, and in an order that a running proxy copes with.

            With --csr the key stays where it was made, and of the request only its public key is believed.

            EXAMPLE
              weft ca issue --directory ca --service-account web --output web --owner 1337
              weft ca issue --directory ca --output web --renew
            """)

    @Option(help: ArgumentHelp("The authority's directory.", valueName: "dir"), transform: Values.path)
    var directory: String

    @Option(help: ArgumentHelp("Where to write the files.", valueName: "dir"), transform: Values.path)
    var output: String

    @Option(help: ArgumentHelp("The workload's service account.", valueName: "name"), transform: Values.name)
    var serviceAccount: ResourceName?

    @Option(
        help: ArgumentHelp("The service account's namespace (default: default).", valueName: "name"),
        transform: Values.name)
    var namespace: ResourceName?

    @Option(
        help: ArgumentHelp("The whole identity, in place of the two above.", valueName: "id"),
        transform: Values.spiffeID)
    var spiffeID: SPIFFEID?

    @Option(
        help: ArgumentHelp(
            "How long it lives, 1m to 30d (default: 24h, or what is left of the intermediate).", valueName: "time"),
        transform: Values.lifetime)
    var lifetime: Duration?

    @Option(
        help: ArgumentHelp("Certify the key of this signing request, and write no key.", valueName: "file"),
        transform: Values.path)
    var csr: String?

    @Option(
        help: ArgumentHelp("Who is to own the files, by number (needs root).", valueName: "uid[:gid]"),
        transform: Values.owner)
    var owner: FileOwner?

    @Flag(help: "Replace the set in the output directory by one with the same identity.")
    var renew = false

    @OptionGroup var format: Output

    func validate() throws {
        if spiffeID != nil, serviceAccount != nil || namespace != nil {
            throw ValidationError("Give either --spiffe-id or --service-account and --namespace.")
        }
        if spiffeID == nil, serviceAccount == nil, !renew || namespace != nil {
            throw ValidationError(
                "Say who it is for: --service-account NAME (and --namespace NAME), or --spiffe-id ID.")
        }
        if renew, owner != nil {
            throw ValidationError("--owner does not go with --renew, which keeps the owner that the files have.")
        }
    }

    func run() async throws {
        try await format.report("ca issue") { () async throws(Problem) in
            let authority = try AuthorityDirectory(directory).issuingAuthority()
            let work = IssueWork(authority: authority, directory: IdentityDirectory(output), now: .now())
            let order = IssueWork.Order(
                identity: identity(in: authority.trustDomain), lifetime: lifetime, requestPath: csr, owner: owner,
                isRenewal: renew)
            return result(try await work.run(order))
        }
    }

    /// Nil where the set that is renewed tells.
    private func identity(in trustDomain: TrustDomain) -> SPIFFEID? {
        spiffeID
            ?? serviceAccount.map { account in
                SPIFFEID(trustDomain: trustDomain, namespace: namespace ?? .defaultNamespace, serviceAccount: account)
            }
    }

    private func result(_ issued: IssueWork.Issued) -> Output.Result {
        let files = IdentityDirectory(output)
        let (chain, bundle) = (files.file(IdentityDirectory.chainName), files.file(IdentityDirectory.bundleName))
        let key = csr == nil ? files.file(IdentityDirectory.keyName) : nil
        let facts = CertificateFacts(issued.certificate.leaf)
        let text = """
            \(renew ? "renewed" : "issued") \(issued.certificate.identity), until \(facts.validity.notAfter)
              chain   \(chain)
              key     \(key ?? "where the request was made")
              bundle  \(bundle)
            """
        return Output.Result(text: text, warnings: issued.warnings) { json in
            json.field("spiffeID", issued.certificate.identity.description)
            json.field("chain", chain)
            json.field("key", ifPresent: key)
            json.field("bundle", bundle)
            json.key("certificate")
            json.object { $0.fields(facts, now: .now()) }
        }
    }
}
