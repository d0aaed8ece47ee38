// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import MeshModel

/// Messages between a proxy and the control plane: whatever is read is written in a form that is read as the same. A stream
/// of bytes has the same lines however it is cut, none of them longer than allowed.
enum FuzzControl {
    private static let lineMax = 64

    static func run(_ bytes: [UInt8]) {
        repeats(WatchMessage.self, bytes)
        repeats(WatchRequest.self, bytes)
        repeats(ProxyMessage.self, bytes)
        repeats(Acknowledgement.self, bytes)
        repeats(Wants.self, bytes)
        repeats(Checkpoint.self, bytes)
        repeats(Checkpoint.Contents.self, bytes)
        repeats(CertificateRequestMessage.self, bytes)
        repeats(CertificateAnswer.self, bytes)
        repeats(JoinRequest.self, bytes)
        repeats(JoinAnswer.self, bytes)
        repeats(RenewChallengeRequest.self, bytes)
        repeats(RenewChallenge.self, bytes)
        repeats(RenewRequest.self, bytes)
        repeats(ErrorAnswer.self, bytes)
        repeats(ProblemsAnswer.self, bytes)
        splits(bytes)
    }

    private static func repeats<Message: ControlMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
        let message: Message
        do throws(Problem) {
            message = try Message.decode(bytes)
        } catch {
            precondition(error.code == .controlMessage && !error.message.isEmpty, "A refusal says why: \(error)")
            return
        }
        let written = message.encode()
        precondition(!written.contains(UInt8(ascii: "\n")), "A message is one line.")
        precondition((try? Message.decode(written)) == message, "A \(type) is read again.")
    }

    private static func splits(_ bytes: [UInt8]) {
        let whole = lines(bytes, cut: bytes.count)
        for length in [1, 7] {
            precondition(lines(bytes, cut: length) == whole, "Lines are the same however they come.")
        }
        if let whole {
            let expected = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
            precondition(
                whole == expected.map(Array.init).filter { !$0.isEmpty }, "They are what lies between the ends.")
        }
    }

    /// Nil where one is too long.
    private static func lines(_ bytes: [UInt8], cut length: Int) -> [[UInt8]]? {
        var splitter = LineSplitter(limit: lineMax)
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let more = try? splitter.lines(in: rest.prefix(length)) else { return nil }
            precondition(more.allSatisfy { $0.count < lineMax }, "None is longer than allowed.")
            lines += more
            rest = rest.dropFirst(length)
        }
        return lines
    }
}
