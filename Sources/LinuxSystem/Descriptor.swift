// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// A file descriptor that is owned: whoever holds the value closes it, once. Raw numbers leave this target only as
/// ``number``, to be told to epoll.
package struct Descriptor: ~Copyable {
    /// The kernel's number, valid as long as this value lives.
    package let number: Int32

    /// Takes ownership of an open descriptor.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // The result is of no use: Linux frees the number even where it reports an error.
        _ = weft_close(number)
    }

    /// Closes now and says what the kernel said of it, which matters after writing a file.
    package consuming func close() throws(SystemError) {
        let number = number
        discard self
        try check(weft_close(number), "close")
    }
}

/// What came of a read from a socket that does not block.
package enum ReceiveResult: Equatable {
    /// This many bytes, at least one.
    case bytes(Int)
    /// The other side has ended its direction (FIN).
    case ended
    /// Nothing is there now.
    case wouldBlock
    /// The connection is broken.
    case failed(Errno)
}

/// What came of a write to a socket that does not block.
package enum SendResult: Equatable {
    /// This many bytes were taken, perhaps fewer than were offered.
    case bytes(Int)
    /// Nothing can be taken now.
    case wouldBlock
    /// The connection is broken.
    case failed(Errno)
}
