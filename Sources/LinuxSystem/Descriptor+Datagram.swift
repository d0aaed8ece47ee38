// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
package import MeshModel

/// Where a datagram came from, as the kernel has it: an answer goes back there, also where the address is a link-local one,
/// which means nothing without its interface.
package struct DatagramSource {
    fileprivate var kernel: weft_address

    package var address: SocketAddress? { SocketAddress(kernel) }
}

/// What came of looking for a datagram.
package enum DatagramResult {
    /// This many bytes. What was longer than the buffer is not told: half a message is none.
    case bytes(Int, DatagramSource)
    /// One that was longer than the buffer.
    case tooLong
    case wouldBlock
    case failed(Errno)
}

extension Descriptor {
    /// A UDP socket of the given family.
    package static func datagram(_ family: AddressFamily) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(weft_socket_datagram(family == .ipv4 ? 4 : 6), "socket"))
    }

    package borrowing func receiveDatagram(into buffer: UnsafeMutableRawBufferPointer) -> DatagramResult {
        var source = weft_address()
        let result = unsafe weft_receive_from(number, buffer.baseAddress, buffer.count, &source)
        guard result >= 0 else {
            let errno = Errno(number: Int32(truncatingIfNeeded: -result))
            return errno == .wouldBlock || errno == .interrupted ? .wouldBlock : .failed(errno)
        }
        return result > buffer.count ? .tooLong : .bytes(result, DatagramSource(kernel: source))
    }

    /// A datagram goes whole or not at all; one that cannot go now is lost, as on any network.
    package borrowing func send(_ bytes: UnsafeRawBufferPointer, to target: DatagramSource) {
        var kernel = target.kernel
        _ = unsafe weft_send_to(number, bytes.baseAddress, bytes.count, &kernel)
    }
}
