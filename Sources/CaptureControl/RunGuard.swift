// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// Held while a run changes a namespace: only one at a time, and not cut off in the middle by a signal.
///
/// The lock is a name in the network namespace itself (an abstract unix socket), so that it holds between containers that
/// share the namespace but no file system, and goes with the process however that ends.
struct RunGuard: ~Copyable {
    private let signals: Descriptor
    private let lock: Descriptor

    private static let lockName = "weft-init"

    private init(signals: consuming Descriptor, lock: consuming Descriptor) {
        self.signals = signals
        self.lock = lock
    }

    /// Waits for other runs in this namespace, and no longer than `patience`.
    static func begin(patience: Duration, _ console: Console) throws(Problem) -> RunGuard {
        let run = try open()
        let deadline = Instant.now() + patience
        var isWaiting = false
        while try !take(run.lock) {
            guard Instant.now() < deadline else {
                throw Problem(
                    .lockHeld, "another weft-init has been at work in this namespace for \(patience)",
                    remedy: "wait for it to end or raise `--lock-timeout`")
            }
            if !isWaiting { console.line("waiting", "for another weft-init in this namespace") }
            isWaiting = true
            try run.pause(.milliseconds(20))
        }
        return run
    }

    private static func open() throws(Problem) -> RunGuard {
        do throws(SystemError) {
            return RunGuard(signals: try Descriptor.signals(), lock: try Descriptor.unixStream())
        } catch {
            throw Problem(.internalFault, "\(error)")
        }
    }

    private static func take(_ lock: borrowing Descriptor) throws(Problem) -> Bool {
        do throws(SystemError) {
            try lock.bind(toAbstractName: lockName)
            return true
        } catch {
            guard error.errno == .addressInUse else { throw Problem(.internalFault, "\(error)") }
            return false
        }
    }

    /// Waits a while; ends early, with an error, if the run is told to end.
    borrowing func pause(_ duration: Duration) throws(Problem) {
        _ = signals.waitForInput(duration)
        try checkInterruption()
    }

    /// To be asked between steps: SIGTERM, SIGINT and SIGHUP end a run there, with what it did taken back.
    borrowing func checkInterruption() throws(Problem) {
        while let signal = signals.nextSignal() {
            switch signal {
            case .terminate, .interrupt, .hangup:
                throw Problem(.interrupted, "told to end by a signal (\(signal))", remedy: "run it again")
            case .childEnded, .user1, .kill: continue
            }
        }
    }
}
