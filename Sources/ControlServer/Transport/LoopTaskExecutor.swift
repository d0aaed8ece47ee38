// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import NIOCore
internal import NIOPosix

/// Runs the tasks of a connection on the event loops, where what they wait for comes from.
///
/// The runtime's own threads keep a thousand jobs each that they have done, wherever in the heap these were made: after a
/// thousand proxies have left, each of those holds a page of what they had. Here a job is freed when it is done.
final class LoopTaskExecutor: TaskExecutor {
    static let shared = LoopTaskExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // From a loop itself it is that one.
        MultiThreadedEventLoopGroup.singleton.any().execute { [self] in
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
