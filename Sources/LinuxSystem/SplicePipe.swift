// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// A pipe through which bytes pass from socket to socket inside the kernel, without being copied to us (splice(2)). It
/// takes two descriptors and some pages of the kernel's memory, and pays only for bulk.
package struct SplicePipe: ~Copyable {
    /// Four times the default, so that one round moves as much as one round of copying. Where the user has no pipe pages
    /// left (fs.pipe-user-pages-soft) it stays at the default, and everything works the same.
    private static let capacity: Int32 = 256 << 10

    private let readEnd: Descriptor
    private let writeEnd: Descriptor
    /// Bytes inside.
    package private(set) var count = 0

    /// Nil where there are no descriptors for it.
    package init?() {
        var ends: [Int32] = [-1, -1]
        guard unsafe weft_pipe(&ends, Self.capacity) == 0 else { return nil }
        readEnd = Descriptor(owning: ends[0])
        writeEnd = Descriptor(owning: ends[1])
    }

    /// Takes bytes from a socket. "Would block" means that the socket has none, or that the pipe is full.
    package mutating func fill(from socket: borrowing Descriptor) -> ReceiveResult {
        let result = receiveResult(weft_splice(socket.number, writeEnd.number, Int(Self.capacity)))
        if case .bytes(let moved) = result { count += moved }
        return result
    }

    /// Gives bytes to a socket.
    package mutating func drain(to socket: borrowing Descriptor) -> SendResult {
        let result = sendResult(weft_splice(readEnd.number, socket.number, count))
        if case .bytes(let moved) = result { count -= moved }
        return result
    }

    /// Takes out what is inside, for a socket that will get it another way.
    package mutating func takeOut() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var read = 0
        while read < bytes.count {
            let result = unsafe bytes.withUnsafeMutableBytes { all in
                unsafe weft_read(readEnd.number, all.baseAddress.map { unsafe $0 + read }, all.count - read)
            }
            guard result > 0 else { break }
            read += result
        }
        count = 0
        return Array(bytes.prefix(read))
    }
}
