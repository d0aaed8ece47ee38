// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import CommandLine
import Foundation
import MeshModel

extension Arguments {
    package func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Problems(
                Problem(
                    .badValue, at: name, "`\(text)` is not a number from \(range.lowerBound) to \(range.upperBound)"))
        }
        return number
    }

    /// A file that must be there; `verb` is what makes it.
    package func path(_ name: String, _ standard: String, madeBy verb: String) throws -> String {
        let path = URL(fileURLWithPath: value(name) ?? standard).path
        guard FileManager.default.fileExists(atPath: path) else {
            throw BenchmarkFailure("\(path) is not there; `\(verb)` builds it, \(name) says where else it is")
        }
        return path
    }
}
