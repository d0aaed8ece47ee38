// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import MeshModel

extension SocketAddress {
    /// From the kernel's form; v4-mapped addresses become IPv4.
    init?(_ kernel: weft_address) {
        let bytes = unsafe withUnsafeBytes(of: kernel.bytes) { unsafe Array($0) }
        switch kernel.family {
        case 4:
            self.init(.v4(IPv4Address(bits: bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })), kernel.port)
        case 6:
            self.init(IPAddress(IPv6Address(bits: bytes.reduce(0) { $0 << 8 | UInt128($1) })), kernel.port)
        default:
            return nil
        }
    }

    /// The kernel's form. `family` may be IPv6 for an IPv4 address, which is then v4-mapped.
    var kernel: weft_address {
        var kernel = weft_address()
        kernel.port = port
        kernel.family = address.family == .ipv4 ? 4 : 6
        let byteCount = address.family.bitWidth / 8
        let bits = address.bits
        unsafe withUnsafeMutableBytes(of: &kernel.bytes) { bytes in
            for index in 0..<byteCount {
                unsafe bytes[index] = UInt8(truncatingIfNeeded: bits >> UInt128(8 * (byteCount - 1 - index)))
            }
        }
        return kernel
    }
}
