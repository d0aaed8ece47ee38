// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL

/// The buffers between the sockets of one thread and OpenSSL: ciphertext in, ciphertext out.
///
/// One set for all connections of a thread, since only one of them is worked on at a time. A read of 256 KiB feeds many
/// records to the library, and everything it wants to send leaves in one write; memory BIOs or SSL_set_fd would cost a
/// copy or a system call per record (measured: 17 % of the CPU of a bulk transfer).
///
/// ```
///   socket ─ recv ─▶ input ─▶ BIO_read ─▶ SSL ─▶ BIO_write ─▶ output ─ send ─▶ socket
/// ```
/// Protocol between the two sides: the driver gives `input`, calls the session until it needs more input, and takes
/// `output` after each call. Output never overflows, because the driver writes at most one record's worth of plaintext
/// before it looks whether there is room.
@safe
package final class TLSStaging {
    /// 256 KiB against 64 saves 12 % on bulk (measured) and costs nothing per connection.
    package static let capacity = 256 << 10
    /// What one record holds (RFC 8446 section 5.1).
    package static let plaintextMax = 16_384
    /// The longest record that we send: its plaintext, the header, the content type and the tag (RFC 8446 section 5.2;
    /// every suite we offer has a tag of 16 bytes).
    package static let recordByteCount = plaintextMax + 5 + 1 + 16
    /// A record and a KeyUpdate before it.
    private static let recordRoom = recordByteCount + 1024

    private var input = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private let outputStorage = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + recordRoom, alignment: 64)
    private var outputCount = 0
    /// KeyUpdates that were received during the current call.
    var keyUpdates = 0

    package init() {}

    deinit { unsafe outputStorage.deallocate() }

    /// Lays out ciphertext for the session to read. The memory must stay in place until ``inputIsUsedUp``.
    package func give(_ ciphertext: UnsafeRawBufferPointer) {
        unsafe input = unsafe ciphertext
    }

    package var inputIsUsedUp: Bool { unsafe input.isEmpty }

    /// True if another full record can be written without taking output first.
    package var hasRoomForRecord: Bool { outputCount < Self.capacity }

    /// What the session wants sent, valid until the next call of the session. The caller sends or keeps all of it, then
    /// calls ``clearOutput()``.
    package var output: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: outputStorage[..<outputCount])
    }

    package func clearOutput() { outputCount = 0 }

    // MARK: The library's side

    fileprivate func read(_ target: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        let taken = unsafe min(count, input.count)
        guard taken > 0, let source = unsafe input.baseAddress else { return 0 }
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: taken)
        unsafe input = UnsafeRawBufferPointer(rebasing: input[taken...])
        return taken
    }

    fileprivate func write(_ source: UnsafePointer<CChar>, _ count: Int) -> Int {
        let taken = unsafe min(count, outputStorage.count - outputCount)
        guard taken > 0, let target = unsafe outputStorage.baseAddress else { return 0 }
        unsafe (target + outputCount).copyMemory(from: source, byteCount: taken)
        outputCount += taken
        return taken
    }
}

/// The BIO that ties a session to the staging of its thread.
enum StagingBIO {
    /// Registered once per process; nil only without memory.
    ///
    /// `nonisolated(unsafe)`: initialised once by the runtime, never changed after.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = unsafe BIO_meth_new(type, "weft staging") else { return nil }
        unsafe BIO_meth_set_read(method, stagingRead)
        unsafe BIO_meth_set_write(method, stagingWrite)
        unsafe BIO_meth_set_ctrl(method, stagingControl)
        return unsafe method
    }()

    /// A BIO over a staging, which must outlive it.
    static func make(_ staging: TLSStaging) -> OpaquePointer? {
        guard let method = unsafe method, let bio = unsafe BIO_new(method) else { return nil }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(staging).toOpaque())
        unsafe BIO_set_init(bio, 1)
        return unsafe bio
    }

    fileprivate static func staging(_ bio: OpaquePointer?) -> TLSStaging? {
        guard let data = unsafe BIO_get_data(bio) else { return nil }
        // Unretained: the session that owns the BIO holds the context, which holds the staging.
        return unsafe Unmanaged<TLSStaging>.fromOpaque(data).takeUnretainedValue()
    }
}

private let retryFlags = BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

private func stagingRead(_ bio: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ count: Int32) -> Int32 {
    unsafe BIO_clear_flags(bio, retryFlags)
    guard let staging = unsafe StagingBIO.staging(bio), let target = unsafe target, count > 0 else { return 0 }
    let taken = unsafe staging.read(target, Int(count))
    if taken == 0 {
        unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
        return -1
    }
    return Int32(taken)
}

private func stagingWrite(_ bio: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ count: Int32) -> Int32 {
    unsafe BIO_clear_flags(bio, retryFlags)
    guard let staging = unsafe StagingBIO.staging(bio), let source = unsafe source, count > 0 else { return 0 }
    let taken = unsafe staging.write(source, Int(count))
    if taken == 0 {
        unsafe BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        return -1
    }
    return Int32(taken)
}

private func stagingControl(_ bio: OpaquePointer?, _ command: Int32, _ number: Int, _ pointer: UnsafeMutableRawPointer?)
    -> Int
{
    switch command {
    case BIO_CTRL_FLUSH: 1
    // Without an answer OpenSSL 3 takes "no bytes now" for the end of the stream.
    case BIO_CTRL_EOF: 0
    default: 0
    }
}
