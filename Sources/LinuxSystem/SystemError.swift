// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import Glibc

/// An error number of the kernel.
package struct Errno: Hashable, Sendable, CustomStringConvertible {
    package let number: Int32

    package init(number: Int32) { self.number = number }

    /// The call would have to wait.
    package static let wouldBlock = Errno(number: EAGAIN)
    /// A connect is under way.
    package static let inProgress = Errno(number: EINPROGRESS)
    package static let interrupted = Errno(number: EINTR)
    package static let connectionReset = Errno(number: ECONNRESET)
    package static let connectionRefused = Errno(number: ECONNREFUSED)
    package static let connectionAborted = Errno(number: ECONNABORTED)
    package static let brokenPipe = Errno(number: EPIPE)
    package static let timedOut = Errno(number: ETIMEDOUT)
    package static let networkUnreachable = Errno(number: ENETUNREACH)
    package static let hostUnreachable = Errno(number: EHOSTUNREACH)
    package static let noEntry = Errno(number: ENOENT)
    package static let exists = Errno(number: EEXIST)
    package static let accessDenied = Errno(number: EACCES)
    package static let notPermitted = Errno(number: EPERM)
    package static let addressInUse = Errno(number: EADDRINUSE)
    package static let addressNotAvailable = Errno(number: EADDRNOTAVAIL)
    package static let familyNotSupported = Errno(number: EAFNOSUPPORT)
    package static let tooManyFiles = Errno(number: EMFILE)
    package static let tooManyFilesInSystem = Errno(number: ENFILE)
    package static let noBuffers = Errno(number: ENOBUFS)
    package static let noMemory = Errno(number: ENOMEM)
    package static let notConnected = Errno(number: ENOTCONN)
    package static let invalidArgument = Errno(number: EINVAL)
    package static let readOnlyFileSystem = Errno(number: EROFS)
    package static let noSuchProcess = Errno(number: ESRCH)
    package static let notSupported = Errno(number: EOPNOTSUPP)
    package static let noSuchDevice = Errno(number: ENODEV)
    package static let busy = Errno(number: EBUSY)

    /// The process or the system has no descriptor or no memory left for another socket.
    package var isExhaustion: Bool {
        self == .tooManyFiles || self == .tooManyFilesInSystem || self == .noBuffers || self == .noMemory
    }

    /// The system's words, in English whatever the locale.
    package var description: String {
        guard let text = unsafe weft_error_text(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }
}

/// A system call that failed, and which.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let errno: Errno
    package let call: String

    package init(_ errno: Errno, _ call: String) {
        self.errno = errno
        self.call = call
    }

    package var description: String { "\(call): \(errno)" }
}

/// Turns the negative-errno convention of the C edge into a thrown error.
@discardableResult
func check<Number: SignedInteger>(_ result: Number, _ call: @autoclosure () -> String) throws(SystemError) -> Number {
    guard result < 0 else { return result }
    throw SystemError(Errno(number: Int32(truncatingIfNeeded: -result)), call())
}
