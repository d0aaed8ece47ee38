// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@Suite("The page of errors and outcomes")
struct ErrorsPageTests {
    @Test("docs/errors.md says what the catalogue says; `make docs` writes it")
    func page() throws {
        try GoldenFile("errors.md", in: "../../docs").expect(ErrorsPage.text)
    }

    @Test("every code has a part, a name of its own and sentences")
    func catalogue() {
        let codes = ErrorCode.allCases
        #expect(Set(codes.map(\.name)).count == codes.count)
        for code in codes {
            #expect(ErrorsPage.parts.contains { $0.thousand == Int(code.rawValue) / 1000 }, "\(code)")
            #expect(code.name.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" }, "\(code.name)")
            #expect(
                ErrorsPage.text.contains("\n### \(code.label)\n") && code.page.hasSuffix("#\(code.label.lowercased())"))
            for sentence in [code.meaning, code.remedy] {
                #expect(sentence.first?.isLowercase == false && ".?".contains(sentence.last ?? " "), "\(sentence)")
            }
        }
    }
}

/// The page as it should be.
enum ErrorsPage {
    static let parts: [(thousand: Int, title: String, introduction: String)] = [
        (1, "Configuration and command line", "What is wrong with a file or an option. Nothing has been changed."),
        (2, "Redirect rules", "What `weft-init` says. A run that fails leaves the namespace as it was."),
        (
            3, "Connections",
            """
            The outcomes. Each connection ends with exactly one; it stands in the log, in the label `outcome` of
            `weft_connections_finished_total`, and here.
            """
        ),
        (
            4, "Identity",
            """
            40xx are about the own files. 41xx are about the chain that a peer shows; the sidecar, the authority and the
            identity loader judge alike.
            """
        ),
        (
            5, "The certificate authority and the store",
            "50: what `weft ca` says; files are written as a set or not at all. 51: the store of the control plane."
        ),
        (6, "The running proxy", "What `weft-proxy` says of itself."),
        (
            7, "The control plane",
            "What `weft-control` says, to machines that join, to proxies and to operators. What was refused has not happened."
        ),
    ]

    static var text: String {
        var text = """
            # Errors and outcomes

            Made from the source by `make docs`; do not edit.

            A code is the same in messages, in logs, in metrics and in `--json`. It never gets another meaning.


            """
        for part in parts {
            text += "- [\(part.thousand)xxx: \(part.title)](#\(anchor(part.title)))\n"
        }
        for part in parts {
            text += "\n## \(part.title)\n\n\(part.introduction)\n"
            for code in ErrorCode.allCases where Int(code.rawValue) / 1000 == part.thousand {
                text += "\n### \(code.label)\n\n`\(code.name)`: \(code.meaning)\n\n\(code.remedy)\n"
            }
        }
        return text
    }

    /// As Markdown viewers make it of a title.
    private static func anchor(_ title: String) -> String {
        title.lowercased().replacing(" ", with: "-").filter { $0.isLetter || $0.isNumber || $0 == "-" }
    }
}
