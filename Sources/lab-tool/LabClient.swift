// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Connects and talks: a line of input goes out, what comes back is told.
struct LabClient {
    private let socket: LabSocket
    private let address: [UInt8]

    init(_ address: String, service: Int32?) {
        (socket, self.address) = LabSocket.make(address)
        if var service {
            setsockopt(socket.number, Int32(IPPROTO_IP), IP_TOS, &service, 4)
            setsockopt(socket.number, Int32(IPPROTO_IPV6), IPV6_TCLASS, &service, 4)
        }
    }

    /// Takes this many bytes, then resets; says how it went otherwise.
    func sip(_ count: Int) -> Int32 {
        dial()
        var taken = 0
        while taken < count {
            guard let bytes = socket.receive() else {
                say("failed: \(LabSocket.lastError) after \(taken) bytes")
                return 1
            }
            guard !bytes.isEmpty else {
                say("ended after \(taken) bytes")
                return 0
            }
            taken += bytes.count
        }
        say("enough")
        socket.resetOnClose()
        return 0
    }

    private func dial() {
        let connected = address.withUnsafeBytes { raw in
            connect(socket.number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard connected == 0 else { LabSocket.fail(LabSocket.lastError) }
        say("connected local=\(socket.localAddress) remote=\(socket.peerAddress)")
    }

    func run() -> Int32 {
        dial()
        var polled = [0, socket.number].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // The kernel tells a reset once: after a send that heard of it, the next receive sees an ordinary end.
        var sendError: String?
        while true {
            poll(&polled, 2, -1)
            if polled[1].revents != 0 {
                guard let bytes = socket.receive() else { LabSocket.fail(LabSocket.lastError) }
                guard !bytes.isEmpty else {
                    if let sendError { LabSocket.fail(sendError) }
                    say("ended")
                    return 0
                }
                say("answer: \(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines))")
            } else if polled[0].revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = read(0, &buffer, buffer.count)
                guard count > 0 else {
                    // Input has ended: say so, and hear the answer out.
                    shutdown(socket.number, Int32(SHUT_WR))
                    polled[0].fd = -1
                    continue
                }
                let bytes = Array(buffer.prefix(count))
                if bytes.starts(with: Array("abort\n".utf8)) {
                    socket.resetOnClose()
                    return 0
                }
                if !socket.send(bytes) { sendError = LabSocket.lastError }
            }
        }
    }
}
