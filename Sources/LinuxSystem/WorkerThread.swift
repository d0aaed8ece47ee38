// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// A thread of the system. Whoever starts one joins it; it cannot be forgotten.
package struct WorkerThread: ~Copyable {
    private let handle: UInt64

    /// Starts a thread that runs `body` and ends with it. `name` is at most 15 bytes, for `ps -L`.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        var handle: UInt64 = 0
        let result = unsafe weft_thread_start(name, runBody, box, &handle)
        if result < 0 {
            unsafe Unmanaged<Body>.fromOpaque(box).release()
            throw SystemError(Errno(number: -result), "pthread_create")
        }
        self.handle = handle
    }

    /// Waits until the thread has ended.
    package consuming func join() {
        _ = weft_thread_join(handle)
    }
}

private final class Body {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runBody(_ argument: UnsafeMutableRawPointer?) {
    guard let argument = unsafe argument else { return }
    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
}
