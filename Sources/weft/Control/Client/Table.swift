// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel

/// Rows under headings, as wide as they must be. What others have written is made printable.
struct Table {
    private let headings: [String]
    private var rows: [[String]] = []

    init(_ headings: String...) { self.headings = headings }

    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ cells: String...) { rows.append(cells.map { $0.isEmpty ? "-" : $0.printable }) }

    /// The table, or a sentence where there is nothing in it.
    func text(ifEmpty sentence: String) -> String {
        guard !rows.isEmpty else { return sentence }
        let widths = headings.indices.map { column in
            ([headings] + rows).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return ([headings] + rows).map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell.padded(to: column < widths.count ? widths[column] : 0)
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
