// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import LinuxSystem
import MeshModel

/// The documents of several files as one text, so that they become one revision; and the way back from a line of that text
/// to a line of a file.
struct Documents {
    private struct Part {
        let name: String
        /// Of its first line in the whole text, counted from 1.
        let firstLine: Int
    }

    let text: [UInt8]
    private let parts: [Part]

    /// As much as the control plane takes at once.
    private static let byteLimit = 16 << 20

    /// Files, directories (what ends in .yaml, .yml or .json in them, in the order of names), or - for standard input.
    init(_ paths: [String]) throws(Problems) {
        var text: [UInt8] = []
        var parts: [Part] = []
        var line = 1
        var files: [String] = []
        for path in paths { files += try Self.files(path) }
        for path in files {
            let bytes: [UInt8]
            do throws(SystemError) {
                bytes = try Files.read(path == "-" ? "/dev/stdin" : path, limit: Self.byteLimit).bytes
            } catch {
                throw Problems(Self.unreadable(path, error))
            }
            guard text.count + bytes.count <= Self.byteLimit else { throw Problems(Self.tooLarge(path)) }
            // Each file is a stream of its own, however it begins and ends.
            if !text.isEmpty {
                text += Array("\n---\n".utf8)
                line += 2
            }
            parts.append(Part(name: Self.name(path), firstLine: line))
            text += bytes
            line += bytes.count { $0 == UInt8(ascii: "\n") }
        }
        self.text = text
        self.parts = parts
    }

    private static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

    private static func unreadable(_ path: String, _ error: SystemError) -> Problem {
        if error.errno == .fileTooLarge { return tooLarge(path) }
        return Problem(.fileUnreadable, at: name(path), "cannot be read: \(error.errno)", remedy: "check the path")
    }

    private static func tooLarge(_ path: String) -> Problem {
        Problem(
            .bodyTooLarge, at: name(path), "makes it more than \(byteLimit >> 20) MiB, the most that is taken at once",
            remedy: "apply it in parts, or look whether it is the right file")
    }

    private static func files(_ path: String) throws(Problems) -> [String] {
        guard path != "-", (try? Files.facts(path))?.isDirectory == true else { return [path] }
        let names: [String]
        do { names = try DirectoryNames.all(path) } catch {
            throw Problems(Problem(.fileUnreadable, at: path, "cannot be read"))
        }
        let files = names.filter { name in [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } }.sorted()
        guard !files.isEmpty else {
            throw Problems(
                Problem(.fileUnreadable, at: path, "holds no file that ends in .yaml, .yml or .json"))
        }
        return files.map { "\(path)/\($0)" }
    }

    /// The same problem with the place in the file where the control plane has one in what it was sent, `input:12:14`.
    func placed(_ problem: Problem) -> Problem {
        guard let place = problem.place, let match = place.firstMatch(of: #/input:(\d+):(\d+)/#),
            let line = Int(match.1), let found = self.place(of: line)
        else { return problem }
        var message = problem.message
        // The other one of two that do not go together may be in another file.
        if let other = message.firstMatch(of: #/the first time on line (\d+)/#), let line = Int(other.1),
            let first = self.place(of: line)
        {
            message = message.replacing(other.0, with: "the first time at \(first)")
        }
        return Problem(
            problem.code, at: place.replacing(match.0, with: "\(found):\(match.2)"), message, remedy: problem.remedy)
    }

    private func place(of line: Int) -> String? {
        parts.last { $0.firstLine <= line }.map { "\($0.name):\(line - $0.firstLine + 1)" }
    }

    func placed(_ problems: Problems) -> Problems { Problems(problems.all.map(placed)) }
}

/// Where documents come from.
struct DocumentOptions: ParsableArguments {
    @Option(
        name: [.customShort("f"), .customLong("file")],
        help: ArgumentHelp(
            "A file, a directory, or - for standard input; may be given several times.", valueName: "path"))
    var files: [String] = []

    @Flag(help: "Let names that lead nowhere be warnings.")
    var allowDangling = false

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("Say what: -f FILE, -f DIRECTORY or -f -.") }
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("Standard input can be read once.")
        }
    }
}
