// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem
import MeshModel

/// The commands that the benchmark starts as children inside its namespaces. They are told what to do by lines of
/// standard input and answer by lines of standard output, so that the processor time of the proxies can be read between.
enum LoadCommands {
    /// `serve ADDRESS...`: the application.
    static func serve(_ words: [String]) throws -> Never {
        _ = ThisProcess.raiseDescriptorLimit()
        let addresses = words.compactMap { SocketAddress($0) }
        guard addresses.count == words.count else { throw BenchmarkFailure("serve: \(words) are not addresses") }
        let server = try TinyServer(addresses)
        say("ready")
        try server.run()
    }

    /// `load KIND ADDRESS CONNECTIONS BYTES SECONDS RATE SPEECH`: the client.
    static func load(_ words: [String]) throws {
        guard words.count == 7, let kind = LoadShape.Kind(rawValue: words[0]),
            let destination = SocketAddress(words[1]),
            let connections = Int(words[2]), let bytes = Int(words[3]), let seconds = Double(words[4]),
            let rate = Int(words[5]), let speech = Speech(rawValue: words[6])
        else { throw BenchmarkFailure("load: cannot read \(words)") }
        _ = ThisProcess.raiseDescriptorLimit()
        let client = try LoadClient(
            LoadShape(
                destination: destination, kind: kind, speech: speech, connections: connections,
                answerByteCount: bytes, rate: rate == 0 ? nil : rate, duration: .milliseconds(Int64(seconds * 1000))))
        switch kind {
        case .idle: try hold(client)
        case .connections:
            _ = try client.run(for: .milliseconds(500))
            try measure(client)
        case .requests:
            try client.open(connections)
            // Until caches are warm; less for what takes long by itself.
            _ = try client.run(for: .milliseconds(bytes > 1 << 20 ? 100 : 500))
            try measure(client)
        }
    }

    private static func measure(_ client: LoadClient) throws {
        say("ready")
        guard readLine() == "go" else { return }
        say(String(decoding: try JSONEncoder().encode(try client.run()), as: UTF8.self))
        _ = readLine()
    }

    /// A number opens connections up to it; `close` closes all.
    private static func hold(_ client: LoadClient) throws {
        say("ready")
        while let line = readLine() {
            if let count = Int(line) { try client.open(count) } else { client.close() }
            say("done")
        }
    }

    /// `ask ADDRESS SPEECH MARKER`: one request, tried until there is an answer; with HTTP it holds no marker.
    static func ask(_ words: [String]) throws {
        guard words.count == 3, let destination = SocketAddress(words[0]), let speech = Speech(rawValue: words[1])
        else { throw BenchmarkFailure("ask: cannot read \(words)") }
        let shape = LoadShape(
            destination: destination, kind: .requests, speech: speech, connections: 1, answerByteCount: 1, rate: nil,
            duration: .zero)
        let limit = Instant.now() + .seconds(15)
        while true {
            do {
                try LoadClient(shape, request: Wire.request(marked: words[2])).open(1)
                return say("answered")
            } catch {
                guard Instant.now() < limit else { throw error }
                ThisProcess.pause(.milliseconds(20))
            }
        }
    }

    /// `listen INTERFACE MARKER`: how many frames passed until standard input ended, and how many held the marker.
    static func listen(_ words: [String]) throws {
        guard words.count == 2, let index = Optional(if_nametoindex(words[0])), index > 0 else {
            throw BenchmarkFailure("listen: cannot read \(words)")
        }
        let cable = try Descriptor.frames(interface: index)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
        let marker = Data(words[1].utf8)
        say("ready")
        var (frames, marked) = (0, 0)
        while true {
            var polled = [
                pollfd(fd: 0, events: Int16(POLLIN), revents: 0),
                pollfd(fd: cable.number, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polled, 2, -1)
            while case .bytes(let count) = cable.receive(into: buffer) {
                frames += 1
                if Data(buffer[..<count]).range(of: marker) != nil { marked += 1 }
            }
            if polled[0].revents != 0 { break }
        }
        say("\(frames) \(marked)")
    }
}

/// Writes a line at once.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
