// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Netlink

/// A TCP packet in an Ethernet frame, made and read by hand: only so can a packet seem to come from another machine.
///
///     14 bytes Ethernet (RFC 894, RFC 2464) | 20 IPv4 (RFC 791) or 40 IPv6 (RFC 8200) | 20 TCP (RFC 9293)
struct ProbeFrame: Hashable, Sendable {
    struct Flags: OptionSet, Hashable, Sendable {
        let rawValue: UInt8

        static let syn = Flags(rawValue: 0x02)
        static let reset = Flags(rawValue: 0x04)
        static let acknowledge = Flags(rawValue: 0x10)
    }

    let source: SocketAddress
    let destination: SocketAddress
    let sequence: UInt32
    let acknowledgement: UInt32
    let flags: Flags

    private static let ethernetLength = 14
    private static let tcp: UInt8 = 6

    /// The frame on the cable.
    func bytes(from: HardwareAddress, to: HardwareAddress) -> [UInt8] {
        let type: UInt16 = source.address.family == .ipv4 ? 0x0800 : 0x86dd
        return to.bytes + from.bytes + type.bigEndianBytes + networkHeader + segment
    }

    private var segment: [UInt8] {
        var segment = source.port.bigEndianBytes + destination.port.bigEndianBytes
        segment += sequence.bigEndianBytes + acknowledgement.bigEndianBytes
        // Five words long, a window like everyone's, the checksum to come, no urgent data.
        segment += [5 << 4, flags.rawValue] + UInt16(64_240).bigEndianBytes + [0, 0, 0, 0]
        let pseudoHeader =
            addressBytes + UInt32(segment.count).bigEndianBytes + UInt32(ProbeFrame.tcp).bigEndianBytes
        let sum = InternetChecksum.of(pseudoHeader + segment)
        segment.replaceSubrange(16..<18, with: sum.bigEndianBytes)
        return segment
    }

    private var addressBytes: [UInt8] {
        let count = source.address.family.bitWidth / 8
        return Array(source.address.bits.bigEndianBytes.suffix(count))
            + Array(destination.address.bits.bigEndianBytes.suffix(count))
    }

    private var networkHeader: [UInt8] {
        let length = UInt16(20)
        switch source.address.family {
        case .ipv4:
            var header: [UInt8] = [0x45, 0] + (20 + length).bigEndianBytes + [0, 0, 0, 0, 64, ProbeFrame.tcp, 0, 0]
            header += addressBytes
            header.replaceSubrange(10..<12, with: InternetChecksum.of(header).bigEndianBytes)
            return header
        case .ipv6:
            return [0x60, 0, 0, 0] + length.bigEndianBytes + [ProbeFrame.tcp, 64] + addressBytes
        }
    }
}

extension ProbeFrame {
    /// Reads a frame; nil for anything but a TCP packet, and for what is cut short.
    init?(_ bytes: [UInt8]) {
        let network = bytes.dropFirst(ProbeFrame.ethernetLength)
        guard bytes.count > ProbeFrame.ethernetLength, let first = network.first else { return nil }
        let family: AddressFamily
        let headerLength: Int
        switch (UInt16(bigEndian: bytes[12..<14]), first >> 4) {
        case (0x0800, 4): (family, headerLength) = (.ipv4, Int(first & 15) * 4)
        case (0x86dd, 6): (family, headerLength) = (.ipv6, 40)
        default: return nil
        }
        guard headerLength >= 20, network.count >= headerLength + 20 else { return nil }
        let header = Array(network.prefix(headerLength))
        let segment = Array(network.dropFirst(headerLength))
        guard header[family == .ipv4 ? 9 : 6] == ProbeFrame.tcp else { return nil }
        func address(_ range: Range<Int>) -> IPAddress {
            switch family {
            case .ipv4: .v4(IPv4Address(bits: UInt32(bigEndian: header[range])))
            case .ipv6: IPAddress(IPv6Address(bits: UInt128(bigEndian: header[range])))
            }
        }
        let (from, to) = family == .ipv4 ? (12..<16, 16..<20) : (8..<24, 24..<40)
        source = SocketAddress(address(from), UInt16(bigEndian: segment[0..<2]))
        destination = SocketAddress(address(to), UInt16(bigEndian: segment[2..<4]))
        sequence = UInt32(bigEndian: segment[4..<8])
        acknowledgement = UInt32(bigEndian: segment[8..<12])
        flags = Flags(rawValue: segment[13])
    }
}

/// The checksum of IP and TCP (RFC 1071): the complement of the one's complement sum of 16-bit words.
enum InternetChecksum {
    static func of(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
            sum = sum >> 16 + sum & 0xffff
        }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}

extension FixedWidthInteger {
    /// Most significant byte first.
    fileprivate var bigEndianBytes: [UInt8] {
        stride(from: bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }

    fileprivate init(bigEndian bytes: some Sequence<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | Self($1) }
    }
}
