// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import ControlAPI
import Foundation
import LinuxSystem
import MeshModel
import Reactor
import TLSSession

/// The program that plays many proxies on one thread. It is told what to do by lines of standard input, and answers by lines
/// of standard output:
///
/// | line | answer |
/// |---|---|
/// | `certificates CONNECTIONS SECONDS` | `ready`; after `go` how many were issued, and in how many seconds |
/// | `watch COUNT` | the seconds until so many watch, and each has acknowledged what it was told first |
/// | `rest` | `still`, when nobody has been told anything for a second and a half |
/// | `await REVISION` | when all watching proxies have acknowledged it: the moment of each, in nanoseconds |
/// | `leave` | `left` |
final class Crowd: EventHandler {
    private let place: CrowdPlace
    private let materials: [IdentityMaterial]
    private var proxies: [SimulatedProxy] = []
    private var certificates: CertificateLoad?
    private var input: [UInt8] = []
    /// What is waited for; true when it has come.
    private var condition: (() -> Bool)?
    private var lastProgress = Instant.now()

    /// `crowd ADDRESS DIRECTORY MEMBERS`: DIRECTORY has the state of members that have joined, `0`, `1`, …, each as the
    /// service `s0`, `s1`, ….
    static func main(_ words: [String]) throws {
        guard words.count == 3, let address = ControlAddress(words[0]), let count = Int(words[2]), count > 0 else {
            throw BenchmarkFailure("crowd: cannot read \(words)")
        }
        _ = ThisProcess.raiseDescriptorLimit()
        let loop = try EventLoop()
        let materials = try (0..<count).map { try CrowdPlace.material(in: "\(words[1])/\($0)") }
        let crowd = Crowd(CrowdPlace(loop, address), materials)
        loop.add(crowd)
        _ = fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK)
        try loop.watch(0, for: crowd)
        try loop.run()
    }

    private init(_ place: CrowdPlace, _ materials: [IdentityMaterial]) {
        self.place = place
        self.materials = materials
    }

    // MARK: What is asked

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(0, &buffer, buffer.count)
            if count == 0 { exit(0) }
            guard count > 0 else { break }
            input += buffer[..<count]
        }
        while let end = input.firstIndex(of: UInt8(ascii: "\n")) {
            let words = String(decoding: input[..<end], as: UTF8.self).split(separator: " ").map(String.init)
            input.removeSubrange(...end)
            obey(words)
        }
    }

    private func obey(_ words: [String]) {
        switch (words.first, words.dropFirst().first.flatMap { UInt64($0) }) {
        case ("certificates", let count?):
            guard let seconds = words.last.flatMap({ Int64($0) }) else { return end("certificates: how long?") }
            certificates = CertificateLoad(
                place, materials.prefix(Int(count)), .seconds(seconds), say: say, failed: { [unowned self] in end($0) })
        case ("go", nil): certificates?.go()
        case ("watch", let count?): watch(Int(count))
        case ("rest", nil):
            lastProgress = Instant.now()
            wait("still") { [unowned self] in Instant.now() - lastProgress > .milliseconds(1500) }
        case ("await", let revision?):
            wait { [unowned self] in
                let moments = proxies.compactMap { proxy in
                    proxy.acknowledged.flatMap { $0.revision >= revision ? $0.at.nanoseconds : nil }
                }
                return moments.count == proxies.count ? moments.map(String.init).joined(separator: " ") : nil
            }
        case ("leave", nil):
            let losses = proxies.reduce(0) { $0 + $1.losses }
            if losses > 0 { progress("crowd          \(losses) connections had to be made again") }
            for proxy in proxies { proxy.stop() }
            proxies = []
            certificates?.stop()
            certificates = nil
            say("left")
        default: end("what is `\(words.joined(separator: " "))`?")
        }
    }

    private func watch(_ count: Int) {
        let begin = Instant.now()
        for number in proxies.count..<max(count, proxies.count) {
            let proxy = SimulatedProxy(place, number, wants(number))
            proxy.progressed = { [unowned self] in progressed() }
            proxy.failed = { [unowned self, unowned proxy] problem in end("proxy \(proxy.number): \(problem)") }
            proxies.append(proxy)
            do throws(Problem) {
                if number < materials.count {
                    try proxy.begin(materials[number])
                } else {
                    proxy.begin(asking: proxies[number % materials.count])
                }
            } catch {
                end("\(error)")
            }
        }
        wait { [unowned self] in
            guard proxies.allSatisfy({ $0.acknowledged != nil }) else { return nil }
            return "\(Double((Instant.now() - begin).wholeNanoseconds) / 1e9)"
        }
    }

    /// The service that changes, and two of its neighbours, so that others are not told of every one who comes.
    private func wants(_ number: Int) -> Wants {
        let neighbours = [1, 2].map { "s\((number + $0) % materials.count)" }
        return Wants(names: (["shared"] + neighbours).compactMap { ServiceName($0) })
    }

    // MARK: What is answered

    private func progressed() {
        lastProgress = Instant.now()
        check()
    }

    override func deadlineReached(now: Instant) { check() }

    private func wait(_ answer: String, _ condition: @escaping () -> Bool) { wait { condition() ? answer : nil } }

    private func wait(_ answer: @escaping () -> String?) {
        condition = { [unowned self] in
            guard let text = answer() else { return false }
            say(text)
            return true
        }
        check()
    }

    private func check() {
        guard let condition else { return }
        if condition() {
            self.condition = nil
        } else {
            place.loop.setDeadline(place.loop.now + .milliseconds(100), of: self)
        }
    }

    private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    private func end(_ reason: String) {
        progress("crowd: \(reason)")
        exit(1)
    }
}
