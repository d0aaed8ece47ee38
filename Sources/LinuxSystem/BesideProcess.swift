// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// Programs that go on running beside this one. For tools that start others; nothing here waits for them, and
/// ``ThisProcess/reapChildren()`` collects those that have ended.
package enum BesideProcess {
    /// Starts the program at an absolute `path` with exactly this environment. Both its outputs are appended to a file,
    /// made if it is not there, or go where our own output goes. The number of its process.
    package static func start(
        _ path: String, _ arguments: [String], environment: [String: String], log: String?
    ) throws(SystemError) -> Int32 {
        guard let log else { return try start(path, arguments, environment, output: StandardStream.output.rawValue) }
        let output = Descriptor(owning: try check(unsafe weft_open(log, WEFT_OPEN_APPEND, 0o644), "open \(log)"))
        return try start(path, arguments, environment, output: output.number)
    }

    private static func start(
        _ path: String, _ arguments: [String], _ environment: [String: String], output: Int32
    ) throws(SystemError) -> Int32 {
        let variables = environment.map { "\($0.key)=\($0.value)" }.sorted()
        let process = unsafe withCStrings([path] + arguments) { arguments in
            unsafe withCStrings(variables) { variables in
                unsafe weft_spawn_beside(path, arguments, variables, output)
            }
        }
        return try check(process, "spawn \(path)")
    }
}

extension ThisProcess {
    /// From now on the signals that end a process are only noted: ``notedSignal`` tells them.
    package static func noteSignals() { weft_note_signals() }

    /// The last signal that asked this process to end; nil while none has.
    package static var notedSignal: Int32? {
        let number = weft_noted_signal()
        return number == 0 ? nil : number
    }
}
