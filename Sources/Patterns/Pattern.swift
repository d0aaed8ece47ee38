// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CPCRE2

/// A regular expression (PCRE2) that must match the whole of a text, with a bound on what a match may cost: the expression
/// comes from an operator, but the text from anybody, and some pairs of the two take exponential time.
///
/// `@unchecked Sendable`: compiled once and shared; `pcre2_code` is not written to by matching (pcre2api(3), "MULTITHREADING"), and nothing that
/// a match needs is kept from one to the next.
@safe
package final class Pattern: @unchecked Sendable {
    /// What matching a text came to.
    package enum Verdict: Equatable, Sendable {
        case match
        case noMatch
        /// It would have cost more than ``matchLimit`` or ``heapLimit``: not decided, so that whoever asked must refuse.
        case tooCostly
    }

    /// Why an expression cannot be compiled.
    package struct SyntaxError: Error, Equatable, Sendable {
        /// The byte in the expression where it was noticed.
        package let offset: Int
        package let reason: String

        package init(offset: Int, reason: String) {
            self.offset = offset
            self.reason = reason
        }
    }

    /// Internal steps; a plain path takes a few dozen, and a hundred thousand take about a millisecond.
    private static let matchLimit: UInt32 = 100_000
    /// In KiB.
    private static let heapLimit: UInt32 = 1024
    /// Bytes of expression; PCRE2 itself would take gigabytes.
    package static let lengthMax = 4096

    package let text: String
    private let code: OpaquePointer

    package init(_ text: String) throws(SyntaxError) {
        guard text.utf8.count <= Self.lengthMax else {
            throw SyntaxError(offset: Self.lengthMax, reason: "it is longer than \(Self.lengthMax) bytes")
        }
        var number: Int32 = 0
        var offset = 0
        let options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY
        let bytes = Array(text.utf8)
        let compiled = unsafe pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil)
        guard let compiled = unsafe compiled else {
            throw SyntaxError(offset: offset, reason: Self.message(number))
        }
        self.text = text
        unsafe code = compiled
    }

    deinit { unsafe pcre2_code_free_8(code) }

    /// Matches the whole of `subject`.
    package func judge(_ subject: some StringProtocol) -> Verdict {
        let bytes = Array(subject.utf8)
        let context = unsafe pcre2_match_context_create_8(nil)
        let data = unsafe pcre2_match_data_create_8(1, nil)
        defer {
            unsafe pcre2_match_data_free_8(data)
            unsafe pcre2_match_context_free_8(context)
        }
        guard unsafe context != nil, unsafe data != nil else { return .tooCostly }
        unsafe pcre2_set_match_limit_8(context, Self.matchLimit)
        unsafe pcre2_set_heap_limit_8(context, Self.heapLimit)
        let result = unsafe pcre2_match_8(code, bytes, bytes.count, 0, 0, data, context)
        // Zero means a match whose groups did not all fit, and they are not asked for.
        if result >= 0 { return .match }
        return result == PCRE2_ERROR_NOMATCH ? .noMatch : .tooCostly
    }

    private static func message(_ number: Int32) -> String {
        let text = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
            let length = unsafe pcre2_get_error_message_8(number, buffer.baseAddress, buffer.count)
            return unsafe String(decoding: buffer[..<max(0, Int(length))], as: UTF8.self)
        }
        return text
    }
}

extension Pattern: Equatable {
    package static func == (left: Pattern, right: Pattern) -> Bool { left.text == right.text }
}
