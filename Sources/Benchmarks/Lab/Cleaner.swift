// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Synchronization

/// Takes everything away again, at the end and when interrupted.
final class Cleaner: Sendable {
    private let running = Mutex<Set<Int32>>([])

    func started(_ process: Int32) { running.withLock { _ = $0.insert(process) } }
    func ended(_ process: Int32) { running.withLock { _ = $0.remove(process) } }

    /// Ctrl-C, a hang-up and SIGTERM end the benchmark like its own end does, as long as the result is held.
    func listenForSignals() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                clean()
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func clean() {
        for process in running.withLock({ $0 }) { ProcessFamily.kill(process) }
        _ = try? Shell.run(Place.removal)
    }
}
