// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshModel
import Reactor
import Testing

@Suite("Messages to a loop from other threads")
struct MailboxTests {
    @Test("wake the loop and come in the order they were sent")
    func order() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Int>()
        var received: [Int] = []
        try mailbox.receive(on: loop) { received.append($0) }
        mailbox.send(0)
        // Before anybody listens and after: the bell is heard either way, without patience running out.
        try loop.turn(patience: .seconds(20))
        #expect(received == [0])
        for number in 1...1000 { mailbox.send(number) }
        try loop.turn(patience: .seconds(20))
        #expect(received == Array(0...1000))
        // Nothing is left that would wake it again.
        let before = Instant.now()
        try loop.turn(patience: .milliseconds(30))
        #expect(Instant.now() - before >= .milliseconds(25))
    }

    @Test("sent before there is a receiver, they wait for it")
    func early() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<String>()
        mailbox.send("early")
        var received: [String] = []
        try mailbox.receive(on: loop) { received.append($0) }
        try loop.turn(patience: .seconds(20))
        #expect(received == ["early"])
    }

    @Test("a message that sends another is followed by it in a later turn, so that nobody is kept waiting")
    func chains() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Int>()
        var received: [Int] = []
        try mailbox.receive(on: loop) { number in
            received.append(number)
            if number < 5 { mailbox.send(number + 1) }
        }
        mailbox.send(1)
        for expected in 1...5 {
            try loop.turn(patience: .seconds(20))
            #expect(received == Array(1...expected))
        }
    }

    @Test("of many senders none is lost, and each one's order is kept", .timeLimit(.minutes(1)))
    func manySenders() throws {
        let (senders, count) = (8, 2000)
        let mailbox = try Mailbox<(sender: Int, number: Int)>()
        let loop = try EventLoop()
        var next = Array(repeating: 0, count: senders)
        var isOrdered = true
        try mailbox.receive(on: loop) { message in
            if next[message.sender] != message.number { isOrdered = false }
            next[message.sender] += 1
        }
        for sender in 0..<senders {
            Thread.detachNewThread { for number in 0..<count { mailbox.send((sender, number)) } }
        }
        let deadline = Instant.now() + .seconds(50)
        while next.contains(where: { $0 < count }), Instant.now() < deadline {
            try loop.turn(patience: .milliseconds(100))
        }
        #expect(isOrdered)
        #expect(next == Array(repeating: count, count: senders))
    }
}
