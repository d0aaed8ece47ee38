// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import ResourceDocuments
import Testing

/// A text read as a configuration: the file, or what is wrong with it.
func read(_ text: String) -> Result<ConfigurationFile, Problems> { read(Array(text.utf8)) }

func read(_ bytes: [UInt8]) -> Result<ConfigurationFile, Problems> {
    do throws(Problems) {
        return .success(try ConfigurationReader.read(bytes, name: "f"))
    } catch {
        return .failure(error)
    }
}

extension Result where Success == ConfigurationFile, Failure == Problems {
    /// What is wrong, line by line.
    var problems: [String] {
        if case .failure(let problems) = self { problems.all.map(\.description) } else { [] }
    }

    var codes: [ErrorCode] {
        if case .failure(let problems) = self { problems.all.map(\.code) } else { [] }
    }
}

/// The least that a file can be.
let leastProxy = "kind: Proxy\nmetadata: {name: web}\nspec: {}\n"

/// The first example of a page under `docs`.
func example(_ name: String) throws -> String {
    let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", name]
    let page = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
    return try #require(page.components(separatedBy: "```yaml\n").dropFirst().first).components(separatedBy: "```")[0]
}
