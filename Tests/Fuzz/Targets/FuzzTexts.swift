// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CommandLine
internal import EnvoyImport
internal import MeshModel
internal import Redirection
internal import ResourceDocuments

/// A file is read or refused with reasons that name a place.
enum FuzzConfiguration {
    static func run(_ bytes: [UInt8]) {
        do throws(Problems) {
            _ = try ConfigurationReader.read(bytes, name: "weft.yaml")
        } catch {
            precondition(error.all.allSatisfy { !$0.message.isEmpty }, "A refusal says why.")
        }
    }
}

/// A file is imported or refused with reasons; what comes of it without an error is a configuration.
enum FuzzEnvoy {
    static func run(_ bytes: [UInt8]) {
        guard let imported = try? EnvoyBootstrap.read(bytes, name: "envoy.yaml"), imported.errors.isEmpty else {
            return
        }
        do throws(Problems) {
            _ = try ConfigurationReader.read(Array(imported.text.utf8), name: "weft.yaml")
        } catch {
            preconditionFailure("What is imported can be read: \(error)")
        }
    }
}

/// What is read and written again is the same value, and what is written is a form that is read.
enum FuzzNames {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        repeats(IPAddress(text)) { IPAddress($0) }
        repeats(IPv4Address(text)) { IPv4Address($0) }
        repeats(IPv6Address(text)) { IPv6Address($0) }
        repeats(AddressRange(text)) { AddressRange($0) }
        repeats(SocketAddress(text)) { SocketAddress($0) }
        repeats(Port(text)) { Port($0) }
        repeats(PortRange(text)) { PortRange($0) }
        repeats(TrustDomain(text)) { TrustDomain($0) }
        repeats(ResourceName(text)) { ResourceName($0) }
        repeats(SPIFFEID(text)) { SPIFFEID($0) }
        if let identity = SPIFFEID(text) { precondition(identity.description == text, "An identity has one form.") }
        if let duration = DurationText.parse(text) {
            precondition(DurationText.parse(DurationText.text(duration)) == duration, "A duration is read again.")
        }
        if let lifetime = DurationText.parseLifetime(text) {
            let written = DurationText.lifetimeText(lifetime)
            precondition(DurationText.parseLifetime(written) == lifetime, "A lifetime is read again.")
        }
    }

    private static func repeats<Value: Equatable & CustomStringConvertible>(
        _ value: Value?, _ parse: (String) -> Value?
    ) {
        guard let value else { return }
        precondition(parse(value.description) == value, "\(value) is read again.")
    }
}

/// Saved rules are understood or refused; what was understood is told again in the same words.
enum FuzzRules {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let saved = try? SavedRules(parsing: text) else { return }
        var again = ""
        for table in saved.tables where !table.isPolicyOnly {
            again += "*\(table.name)\n"
            for chain in table.chains { again += ":\(chain.name) \(chain.policy ?? "-") [0:0]\n" }
            for rule in table.rules { again += "-A \(rule.chain) \(rule.text)\n" }
            again += "COMMIT\n"
        }
        let second = try? SavedRules(parsing: again)
        precondition(second?.essence == saved.essence, "What was understood is understood again.")
        for table in RuleTable.allCases { _ = saved.table(table) }
    }
}

/// A command line is run, answered with help, or refused with reasons.
enum FuzzArguments {
    private static let syntax = ProgramSyntax(
        "weft-proxy", "A program.",
        commands: [
            CommandSyntax(
                "run", "Runs.",
                options: [
                    .value("--config", "FILE", "The file."), .flag("--json", "As JSON."),
                    .list("--skip-inbound-ports", "PORTS", "Not these."),
                ], examples: ["weft-proxy run --config weft.yaml"]),
            CommandSyntax("ready", "Asks.", options: [.value("--port", "PORT", "Where.")], examples: []),
        ], exitCodes: [(0, "fine")])

    /// Words are separated by NUL, as the kernel has them.
    static func run(_ bytes: [UInt8]) {
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        do throws(Problems) {
            guard case .run(let command, let arguments) = try syntax.parse(words) else { return }
            for option in command.options {
                _ = (arguments.isGiven(option.name), arguments.value(option.name), arguments.list(option.name))
            }
        } catch {
            precondition(error.all.allSatisfy { !$0.message.isEmpty }, "A refusal says why.")
        }
    }
}
