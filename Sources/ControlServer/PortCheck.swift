// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation
internal import LinuxSystem
internal import MeshModel

/// Looks whether the ports are free before anything is begun: later only the first one that is not would be told, and of
/// that nothing but that it is in use.
enum PortCheck {
    /// One problem for each port that cannot be had.
    static func problems(_ ports: ControlServer.Ports) -> [Problem] {
        let all = [
            (ports.api, ports.apiAddress, "--api-port", "--api-listen"),
            (ports.proxies, ports.address, "--proxy-port", "--listen"),
            (ports.join, ports.address, "--join-port", "--listen"),
            (ports.metrics, ports.address, "--metrics-port", "--listen"),
        ]
        return all.compactMap { port, host, option, listen in
            // A name is looked up when it is bound.
            guard let port, let address = IPAddress(host) else { return nil }
            return problem(SocketAddress(address, port), option, listen)
        }
    }

    private static func problem(_ address: SocketAddress, _ option: String, _ listen: String) -> Problem? {
        do throws(SystemError) {
            let socket = try Descriptor.stream(address.address.family)
            try socket.set(.reuseAddress)
            try socket.bind(to: address)
            try socket.listen(backlog: 1)
            return nil
        } catch {
            switch error.errno {
            case .addressInUse:
                guard let owner = owner(of: address.port) else {
                    return Problem(
                        .listenFailed, at: "\(address)", "is taken by another program",
                        remedy: "`sudo ss -ltnp` says by which; end that one, or choose another port with `\(option)`")
                }
                return Problem(
                    .listenFailed, at: "\(address)", "is taken by \(owner)",
                    remedy: "end that one, or choose another port with `\(option)`")
            case .addressNotAvailable, .familyNotSupported:
                return Problem(
                    .listenFailed, at: listen, "this host has no address \(address.address)",
                    remedy: "`ip address` lists those that it has")
            case .accessDenied:
                return Problem(
                    .listenFailed, at: "\(address)", "takes the right to bind ports below 1024",
                    remedy: "choose another port with `\(option)`")
            default: return Problem(.listenFailed, at: "\(address)", "cannot be bound: \(error.errno)")
            }
        }
    }

    /// Who listens on a port, where we may look at that process: as root, or if it is the same user's.
    private static func owner(of port: UInt16) -> OtherProcess? {
        let sockets = Set(["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap { listeners(on: port, in: $0) })
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = Int32(name) else { continue }
            let directory = "/proc/\(name)/fd"
            for file in (try? files.contentsOfDirectory(atPath: directory)) ?? [] {
                guard let target = try? files.destinationOfSymbolicLink(atPath: "\(directory)/\(file)"),
                    sockets.contains(target)
                else { continue }
                return OtherProcess(number)
            }
        }
        return nil
    }

    /// As descriptors of them are called in /proc.
    private static func listeners(on port: UInt16, in path: String) -> [String] {
        guard let bytes = try? Files.read(path, limit: 64 << 20).bytes else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            let words = line.split(separator: " ")
            guard words.count > 9, words[3] == "0A",
                words[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }) == port
            else { return nil }
            return "socket:[\(words[9])]"
        }
    }
}
