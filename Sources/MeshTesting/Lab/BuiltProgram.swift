// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// The programs of this package as the build that runs the tests has made them.
package enum BuiltProgram {
    /// The directory that the test bundle runs from; the programs lie beside it.
    package static let directory: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (bundle as NSString).deletingLastPathComponent
    }()

    /// The path of a program such as `weft-init`.
    package static func path(_ name: String) -> String {
        let path = "\(directory)/\(name)"
        precondition(
            FileManager.default.isExecutableFile(atPath: path),
            "\(path) is built together with the tests; `swift build --product \(name)` makes it.")
        return path
    }

    /// The path of a script under `init-scripts`, in the sources that the tests were built from.
    package static func script(_ name: String, from file: String = #filePath) -> String {
        var root = file as NSString
        for _ in 0..<4 { root = root.deletingLastPathComponent as NSString }
        return "\(root)/init-scripts/\(name)"
    }
}
