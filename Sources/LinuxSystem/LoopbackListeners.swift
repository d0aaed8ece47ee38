// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import MeshModel
internal import Synchronization

/// Knows on which addresses a port of this namespace is listened on: the difference between "the application is not
/// running" and "it listens where nobody can reach it".
///
/// Asks the kernel by sock_diag, which needs no privilege and takes microseconds. The descriptor is opened at the start, so
/// that it works behind a sandbox.
package final class LoopbackListeners: Sendable {
    private let diagnosis: Mutex<Diagnosis>

    package init() { diagnosis = Mutex(Diagnosis()) }

    /// True if somebody listens on the port, but only on loopback addresses.
    package func contains(_ port: UInt16) -> Bool {
        let addresses = diagnosis.withLock { $0.listening(on: port) }
        return !addresses.isEmpty && addresses.allSatisfy(\.isLoopback)
    }
}

private struct Diagnosis: ~Copyable {
    /// One question at a time: the answers of two would mix on it.
    private let descriptor: Descriptor?

    init() {
        let number = weft_socket_diagnosis()
        descriptor = number < 0 ? nil : Descriptor(owning: number)
    }

    borrowing func listening(on port: UInt16) -> [IPAddress] {
        var kernel = [weft_address](repeating: weft_address(), count: 64)
        let count =
            switch descriptor {
            case .some(let descriptor):
                unsafe weft_listening_addresses(descriptor.number, port, &kernel, Int32(kernel.count))
            case .none: Int32(0)
            }
        return kernel.prefix(max(0, Int(count))).compactMap { SocketAddress($0)?.address }
    }
}
