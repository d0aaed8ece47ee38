// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNetlink
internal import LinuxSystem
internal import MeshModel

/// Turns the negative-errno convention of the C edge into a thrown error.
@discardableResult
func check(_ result: Int32, _ call: @autoclosure () -> String) throws(SystemError) -> Int32 {
    guard result < 0 else { return result }
    throw SystemError(Errno(number: -result), "netlink \(call())")
}

/// Asks with more and more room until everything fits. What is listed may grow between two questions, so it is asked
/// again, but not for ever.
func list<Element>(
    _ call: String, room: Int = 64, empty: Element, _ ask: (inout [Element]) -> Int32
) throws(SystemError) -> [Element] {
    var room = room
    for _ in 0..<8 {
        var elements = [Element](repeating: empty, count: room)
        let count = Int(try check(ask(&elements), call))
        if count <= room { return Array(elements.prefix(count)) }
        room = count + count / 4
    }
    throw SystemError(.noBuffers, "netlink \(call)")
}

extension AddressFamily {
    /// As the C edge names it.
    var kernelNumber: Int32 { self == .ipv4 ? 4 : 6 }

    init?(kernelNumber: UInt8) {
        switch kernelNumber {
        case 4: self = .ipv4
        case 6: self = .ipv6
        default: return nil
        }
    }
}

extension IPAddress {
    /// From the bytes of a C structure: network order, four or sixteen of them.
    init(family: AddressFamily, kernelBytes: some Sequence<UInt8>) {
        switch family {
        case .ipv4: self = .v4(IPv4Address(bits: kernelBytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }))
        case .ipv6: self.init(IPv6Address(bits: kernelBytes.reduce(0) { $0 << 8 | UInt128($1) }))
        }
    }

    /// Sixteen bytes in network order, of which IPv4 uses the first four. An IPv4 address on an IPv6 socket is v4-mapped.
    func kernelBytes(for family: AddressFamily) -> [UInt8] {
        let isMapped = self.family == .ipv4 && family == .ipv6
        let bits = isMapped ? 0xffff_0000_0000 | self.bits : self.bits
        let byteCount = family.bitWidth / 8
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: bits >> UInt128(8 * (byteCount - 1 - $0))) }
        return bytes + [UInt8](repeating: 0, count: 16 - byteCount)
    }

    var kernelBytes: [UInt8] { kernelBytes(for: family) }
}

/// A name out of a fixed array of a C structure, up to its first zero.
func text<Characters>(_ characters: Characters) -> String {
    unsafe withUnsafeBytes(of: characters) { bytes in
        let end = unsafe bytes.firstIndex(of: 0) ?? bytes.count
        return unsafe String(decoding: bytes[..<end], as: UTF8.self)
    }
}

/// The bytes of a fixed array of a C structure.
func bytes<Array16>(_ array: Array16) -> [UInt8] {
    unsafe withUnsafeBytes(of: array) { unsafe Array($0) }
}
