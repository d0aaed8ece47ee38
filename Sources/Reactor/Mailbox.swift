// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
internal import MeshModel
internal import Synchronization

/// How other threads reach a loop: messages are laid down under a short lock and a bell makes the loop look. Only Sendable
/// messages cross; they are handled on the loop's thread, in the order they were sent.
package final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let bell: Bell

    package init() throws(SystemError) {
        bell = Bell(descriptor: try Descriptor.bell())
    }

    /// From any thread. Wakes the loop unless it has been woken already.
    package func send(_ message: Message) {
        let wasEmpty = messages.withLock { queue in
            queue.append(message)
            return queue.count == 1
        }
        if wasEmpty { bell.descriptor.ring() }
    }

    /// Registers the receiving end; called once, on the loop's thread.
    package func receive(on loop: EventLoop, _ body: @escaping (Message) -> Void) throws(SystemError) {
        let receiver = Receiver(mailbox: self, body: body)
        loop.add(receiver)
        try loop.watch(bell.descriptor.number, for: receiver, .readable)
    }

    private func takeAll() -> [Message] {
        bell.descriptor.silence()
        return messages.withLock { queue in
            let taken = queue
            queue.removeAll()
            return taken
        }
    }

    private final class Receiver: EventHandler {
        private let mailbox: Mailbox
        private let body: (Message) -> Void

        init(mailbox: Mailbox, body: @escaping (Message) -> Void) {
            self.mailbox = mailbox
            self.body = body
        }

        override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
            mailbox.takeAll().forEach(body)
        }
    }
}

/// An eventfd may be rung from any thread; the descriptor never changes.
private final class Bell: Sendable {
    let descriptor: Descriptor

    init(descriptor: consuming Descriptor) { self.descriptor = descriptor }
}
