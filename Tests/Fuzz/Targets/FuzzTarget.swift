// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Everything of ours that reads bytes from outside. Each takes any bytes without a trap and keeps a promise about them; a
/// promise that is broken traps here, so that the fuzzer and the replay of its corpus both see it.
///
/// Public, alone in the package: the driver is compiled outside of it. `make fuzz` searches; `FuzzReplayTests` run the corpora in `Tests/Fuzz/corpus` through the same code.
public enum FuzzTarget: String, Sendable, CaseIterable {
    /// The first bytes of a client: detection and ClientHello.
    case detection
    /// HTTP/1 requests, heads and bodies.
    case requests
    /// HTTP/1 responses.
    case responses
    /// What a client sends over HTTP/2, behind its preface.
    case http2Requests
    /// What a server sends over HTTP/2.
    case http2Responses
    /// The target of a request, normalised.
    case path
    /// What a peer sends after the handshake.
    case frames
    /// A certificate that a peer shows, and PEM files.
    case certificate
    /// The configuration file.
    case configuration
    /// A file of Envoy, imported.
    case envoy
    /// Identities, addresses, ranges, ports, durations.
    case names
    /// Questions about names, as DNS has them.
    case questions
    /// Messages between a proxy and the control plane, and the lines that they come in.
    case control
    /// What `iptables-save` prints.
    case rules
    /// The command line.
    case arguments

    /// Tries one input.
    public func run(_ bytes: [UInt8]) {
        switch self {
        case .detection: FuzzDetection.run(bytes)
        case .requests: FuzzRequests.run(bytes)
        case .responses: FuzzResponses.run(bytes)
        case .http2Requests: FuzzHTTP2.requests(bytes)
        case .http2Responses: FuzzHTTP2.responses(bytes)
        case .path: FuzzPath.run(bytes)
        case .frames: FuzzFrames.run(bytes)
        case .certificate: FuzzCertificate.run(bytes)
        case .configuration: FuzzConfiguration.run(bytes)
        case .envoy: FuzzEnvoy.run(bytes)
        case .names: FuzzNames.run(bytes)
        case .questions: FuzzQuestions.run(bytes)
        case .control: FuzzControl.run(bytes)
        case .rules: FuzzRules.run(bytes)
        case .arguments: FuzzArguments.run(bytes)
        }
    }
}
