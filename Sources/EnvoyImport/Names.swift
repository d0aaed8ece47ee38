// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// Names of Envoy, which may be anything, as DNS labels, each of them once: `service_b` becomes `service-b`, and another
/// `Service.B` becomes `service-b-2`.
struct Names {
    private var taken: Set<String> = []

    /// A label of its own for a name; `fallback` where nothing of the name is left.
    mutating func label(for name: String, else fallback: String) -> String {
        var text = ""
        for byte in name.lowercased().utf8.prefix(200) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: if !text.isEmpty, !text.hasSuffix("-") { text += "-" }
            }
        }
        // Room for a number behind it.
        text = String(text.prefix(55))
        while text.hasSuffix("-") { text.removeLast() }
        if text.isEmpty { text = fallback }
        var label = text
        var number = 2
        while !taken.insert(label).inserted {
            label = "\(text)-\(number)"
            number += 1
        }
        return label
    }
}
