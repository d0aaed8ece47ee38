// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import MeshModel

/// How a program ended and what it said.
package struct ChildResult: Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case killed(Int32)
        /// It was still running at the deadline and was killed by us.
        case timedOut
    }

    package let ending: Ending
    package let output: String
    package let error: String

    package var succeeded: Bool { ending == .exited(0) }
}

/// A program run to its end. For tools such as iptables-restore; the data path starts nothing.
///
/// One loop feeds standard input and empties both outputs, so that neither side can wait for the other for ever.
package struct ChildProcess: ~Copyable {
    /// At most this much of each stream is kept; the rest is read and dropped.
    private static let outputLimit = 16 << 20

    private let identifier: Int32
    private var input: Descriptor?
    private var unwritten: ArraySlice<UInt8>
    private var output: OutputStream
    private var error: OutputStream

    /// Runs the program at an absolute `path` (nothing is looked up in PATH) with exactly this environment (nothing is
    /// inherited), writes `input` to its standard input and closes that, and kills it after `timeout`.
    package static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], input: String = "",
        timeout: Duration
    ) throws(SystemError) -> ChildResult {
        var child = try ChildProcess(path, arguments, environment: environment, input: input)
        let timedOut = try child.exchange(until: Instant.now() + timeout)
        return try child.finish(timedOut: timedOut)
    }

    private init(
        _ path: String, _ arguments: [String], environment: [String: String], input text: String
    ) throws(SystemError) {
        var child = weft_child()
        let variables = environment.map { "\($0.key)=\($0.value)" }.sorted()
        let result = unsafe withCStrings([path] + arguments) { arguments in
            unsafe withCStrings(variables) { variables in unsafe weft_spawn(path, arguments, variables, &child) }
        }
        try check(result, "spawn \(path)")
        identifier = child.pid
        input = Descriptor(owning: child.input)
        unwritten = Array(text.utf8)[...]
        output = OutputStream(owning: child.output)
        error = OutputStream(owning: child.error)
        ThisProcess.ignoreBrokenPipes()
    }

    /// Moves bytes both ways until both outputs have ended; true if the deadline came first.
    private mutating func exchange(until deadline: Instant) throws(SystemError) -> Bool {
        while !output.hasEnded || !error.hasEnded {
            let left = (deadline - Instant.now()).wholeMilliseconds
            guard left > 0 else { return true }
            let ready = weft_poll_child(inputNumber, output.number, error.number, Int32(clamping: left))
            try check(ready, "poll")
            if ready & 1 != 0 { writeSome() }
            if ready & 2 != 0 { try output.readSome(limit: Self.outputLimit) }
            if ready & 4 != 0 { try error.readSome(limit: Self.outputLimit) }
        }
        return false
    }

    /// -1 once it is closed, which poll passes over.
    private var inputNumber: Int32 {
        switch input {
        case .none: -1
        case .some(let descriptor): descriptor.number
        }
    }

    private mutating func writeSome() {
        guard let descriptor = input.take() else { return }
        do throws(SystemError) {
            unwritten = unwritten.dropFirst(try descriptor.write(unwritten))
        } catch {
            // The program has closed its input: it knows enough, and says so with its exit code.
            unwritten = []
        }
        if !unwritten.isEmpty { input = consume descriptor }
    }

    private consuming func finish(timedOut: Bool) throws(SystemError) -> ChildResult {
        if timedOut { _ = weft_kill(identifier, Signal.kill.rawValue) }
        var status: Int32 = 0
        try check(unsafe weft_wait(identifier, &status), "waitpid")
        let ending: ChildResult.Ending =
            if timedOut { .timedOut } else if status & 0x7f == 0 { .exited(status >> 8 & 0xff) } else {
                .killed(status & 0x7f)
            }
        return ChildResult(ending: ending, output: output.text, error: error.text)
    }
}

/// One output of a child.
private struct OutputStream: ~Copyable {
    private let descriptor: Descriptor
    private var bytes: [UInt8] = []
    private(set) var hasEnded = false

    init(owning number: Int32) { descriptor = Descriptor(owning: number) }

    /// -1 once it has ended, which poll passes over.
    var number: Int32 { hasEnded ? -1 : descriptor.number }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func readSome(limit: Int) throws(SystemError) {
        guard !hasEnded else { return }
        guard let more = try descriptor.read(limit: 65_536) else {
            hasEnded = true
            return
        }
        if bytes.count < limit { bytes += more }
    }
}

/// Calls `body` with a NULL-terminated array of C strings that lives as long as the call.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let pointers = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    unsafe pointers.initialize(repeating: nil)
    for (index, string) in strings.enumerated() {
        let characters = string.utf8CString
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: characters.count)
        _ = unsafe copy.initialize(from: characters)
        unsafe pointers[index] = copy.baseAddress
    }
    defer {
        for index in pointers.indices { unsafe pointers[index]?.deallocate() }
        unsafe pointers.deallocate()
    }
    guard let base = unsafe UnsafePointer(pointers.baseAddress) else {
        preconditionFailure("A list that ends in NULL is never empty.")
    }
    return unsafe body(base)
}
