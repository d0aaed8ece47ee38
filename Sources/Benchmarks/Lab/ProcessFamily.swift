// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A process and those it has started: nginx has a worker beside its master.
enum ProcessFamily {
    /// The process itself first.
    static func of(_ process: Int32) -> [Int32] {
        let children = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
        return [process] + children.split(separator: " ").compactMap { Int32($0) }
    }

    /// Ends all of them, the parent first, which would start others.
    static func kill(_ process: Int32) {
        for process in of(process) { _ = Foundation.kill(process, SIGKILL) }
    }
}
