// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Foundation
import Synchronization

/// Takes everything away again, at the end and when interrupted.
package final class Cleaner: Sendable {
    /// Where everything lies that the benchmark writes.
    package let directory: String
    private let removal: String
    private let running = Mutex<Set<Int32>>([])

    /// `removal` is a script that takes away what was made, the directory with it.
    package init(directory: String, removal: String) {
        self.directory = directory
        self.removal = removal
    }

    func started(_ process: Int32) { running.withLock { _ = $0.insert(process) } }
    func ended(_ process: Int32) { running.withLock { _ = $0.remove(process) } }

    /// Ctrl-C, a hang-up and SIGTERM end the benchmark like its own end does, as long as the result is held.
    package func listenForSignals() -> [any DispatchSourceSignal] {
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

    package func clean() {
        for process in running.withLock({ $0 }) { ProcessFamily.kill(process) }
        _ = try? Shell.run(removal)
    }
}
