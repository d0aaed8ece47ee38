// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// The names in a directory.
enum DirectoryNames {
    static func all(_ path: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path) }
}
