// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Writes a line at once, whole, so that who reads the file sees it.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// A TCP socket of the tool: blocking, and fatal when something is wrong, for then the test is wrong.
struct LabSocket: Sendable {
    let number: Int32

    /// A socket of the family of `address`, which is `10.0.0.1:80` or `[fd00::1]:80`, and the address for the kernel.
    static func make(_ address: String) -> (socket: LabSocket, address: [UInt8]) {
        let parts = address.split(separator: ":", omittingEmptySubsequences: false)
        let host = parts.dropLast().joined(separator: ":").trimmingCharacters(in: ["[", "]"])
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(parts.last ?? ""), &hints, &found) == 0, let info = found?.pointee else {
            fail("\(address) is not an address")
        }
        defer { freeaddrinfo(found) }
        let bytes = Array(UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        let number = socket(info.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        if info.ai_family == AF_INET6 { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &yes, 4) }
        return (LabSocket(number: number), bytes)
    }

    /// A socket connected to `address`; nil, with the error in `errno`, if it cannot be.
    static func tryToConnect(_ address: String) -> LabSocket? {
        let (socket, bytes) = make(address)
        let result = bytes.withUnsafeBytes { raw in
            connect(socket.number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard result == 0 else {
            let error = errno
            close(socket.number)
            errno = error
            return nil
        }
        return socket
    }

    static func connected(to address: String) -> LabSocket {
        tryToConnect(address) ?? { fail("\(address): \(lastError)") }()
    }

    static func fail(_ what: String) -> Never {
        say("failed: \(what)")
        exit(1)
    }

    /// The system's word for the last error.
    static var lastError: String { String(cString: strerror(errno)) }

    var localAddress: String { address { getsockname(number, $0, $1) } }
    var peerAddress: String { address { getpeername(number, $0, $1) } }

    /// Where the client dialled; `none` where the kernel does not know.
    var originalDestination: String {
        var family: Int32 = 0
        var length = socklen_t(4)
        getsockopt(number, SOL_SOCKET, SO_DOMAIN, &family, &length)
        let level = family == AF_INET6 ? Int32(IPPROTO_IPV6) : Int32(IPPROTO_IP)
        return address { getsockopt(number, level, 80, $0, $1) }
    }

    private func address(_ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> String {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard ask(address, &length) == 0 else { return "none" }
                var host = [CChar](repeating: 0, count: 64)
                var port = [CChar](repeating: 0, count: 16)
                getnameinfo(address, length, &host, 64, &port, 16, NI_NUMERICHOST | NI_NUMERICSERV)
                let (name, number) = (LabSocket.text(host), LabSocket.text(port))
                return name.contains(":") ? "[\(name)]:\(number)" : "\(name):\(number)"
            }
        }
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The next bytes; empty at the end, nil with an error.
    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(number, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer.prefix(count))
    }

    /// This many bytes, or as many as came before the end or an error.
    func receive(count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count, let more = receive(), !more.isEmpty { bytes += more }
        return bytes
    }

    /// Lets the next close be a reset.
    func resetOnClose() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// Ends the own direction, hears the other's end, and closes; false if that was not an end.
    func endCleanly() -> Bool {
        shutdown(number, Int32(SHUT_WR))
        let end = receive()
        let error = errno
        close(number)
        errno = error
        return end?.isEmpty == true
    }

    /// Sends all of it; false if that failed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
