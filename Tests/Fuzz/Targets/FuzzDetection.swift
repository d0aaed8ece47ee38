// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Detection
internal import MeshModel

/// The verdict is the same in whatever pieces the bytes come, and once it stands no more bytes change it.
enum FuzzDetection {
    static func run(_ bytes: [UInt8]) {
        var whole = FirstBytes()
        let verdict = whole.consume(bytes.span.bytes)
        var dribbling = FirstBytes()
        var decided: DetectedProtocol?
        for byte in bytes {
            let now = dribbling.consume([byte].span.bytes)
            if let decided { precondition(now == decided, "A verdict stands.") }
            if now != .unknown { decided = now }
        }
        precondition(dribbling.verdict == verdict, "Pieces make no difference.")
        checkHello(bytes)
    }

    private static func checkHello(_ bytes: [UInt8]) {
        let verdict = ClientHello.classify(bytes.span.bytes)
        guard case .complete = verdict else { return }
        let longer = bytes + [0x16, 0x03, 0x03]
        precondition(ClientHello.classify(longer.span.bytes) == verdict, "What follows a ClientHello is not looked at.")
        for length in [0, 1, 5, 6, bytes.count / 2] where length < bytes.count {
            let shorter = Array(bytes.prefix(length))
            switch ClientHello.classify(shorter.span.bytes) {
            case .needMoreBytes, verdict: break
            default: preconditionFailure("The beginning of a ClientHello is never anything else.")
            }
        }
    }
}
