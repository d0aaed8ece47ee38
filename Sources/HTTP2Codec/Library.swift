// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
internal import CNghttp2Memory
internal import HTTPCodec
internal import MeshModel

/// The edge to libnghttp2: how a session of it is made, and its callbacks. A callback gets the session of ours as a bare
/// pointer, which is good because only methods of that session ever enter the library.
@safe
enum Library {
    /// The one set of callbacks; every session copies it.
    nonisolated(unsafe) private static let callbacks: OpaquePointer? = {
        var callbacks: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        unsafe set(callbacks)
        return unsafe callbacks
    }()

    /// Where sessions get their memory; the library copies it as well.
    private static var memory: nghttp2_mem {
        unsafe nghttp2_mem(
            mem_user_data: nil, malloc: { unsafe weft_nghttp2_allocate($0, $1) },
            free: { unsafe weft_nghttp2_free($0, $1) },
            calloc: { unsafe weft_nghttp2_allocate_cleared($0, $1, $2) },
            realloc: { unsafe weft_nghttp2_reallocate($0, $1, $2) })
    }

    /// Calls `body` with where a body comes from, which is always the stream's own bytes; with nil where there is none.
    static func withProvider(
        if isNeeded: Bool, _ body: (UnsafeMutablePointer<nghttp2_data_provider>?) -> Int32
    ) -> Int32 {
        guard isNeeded else { return body(nil) }
        var provider = unsafe nghttp2_data_provider(
            source: nghttp2_data_source(fd: 0),
            read_callback: { _, id, _, length, flags, _, context in
                guard let session = unsafe Library.session(context), let flags = unsafe flags else {
                    return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
                }
                return unsafe session.read(id, atMost: length, &flags.pointee)
            })
        return unsafe withUnsafeMutablePointer(to: &provider) { unsafe body($0) }
    }

    static func session(_ role: HTTP2Session.Role, http: HTTPSettings) -> OpaquePointer {
        var options: OpaquePointer?
        let made = unsafe nghttp2_option_new(&options)
        precondition(made == 0, "There is memory for a session.")
        defer { unsafe nghttp2_option_del(options) }
        // Credit is given for what was passed on.
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        // DecodedHead judges messages, for both versions of HTTP by the same rules.
        unsafe nghttp2_option_set_no_http_messaging(options, 1)
        unsafe nghttp2_option_set_no_closed_streams(options, 1)
        unsafe nghttp2_option_set_max_reserved_remote_streams(options, 0)
        unsafe nghttp2_option_set_max_outbound_ack(options, 200)
        // As long as the peer has not said its limit.
        unsafe nghttp2_option_set_peer_max_concurrent_streams(options, 100)
        // What came as HTTP/1 counts differently, and filters add to it.
        unsafe nghttp2_option_set_max_send_header_block_length(options, max(http.headBytes, 65_536) &* 4)
        // FrameCensus counts them: the library counts calls, so that a frame which comes in drops is many.
        unsafe nghttp2_option_set_max_continuations(options, .max)
        var session: OpaquePointer?
        var memory = unsafe memory
        let result =
            switch role {
            case .server: unsafe nghttp2_session_server_new3(&session, callbacks, nil, options, &memory)
            case .client: unsafe nghttp2_session_client_new3(&session, callbacks, nil, options, &memory)
            }
        guard result == 0, let session = unsafe session else { preconditionFailure("There is memory for a session.") }
        return unsafe session
    }

    /// Our SETTINGS, and the connection's window, which is not among them.
    static func begin(
        _ library: OpaquePointer, _ role: HTTP2Session.Role, _ settings: HTTP2Settings, http: HTTPSettings
    ) {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(bitPattern: id.rawValue), value: UInt32(clamping: value))
        }
        var entries = [
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, min(settings.streamWindowBytes, Int(Int32.max))),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http.headBytes),
            // The priorities of RFC 7540 were given up; without them streams share the connection in turn.
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        switch role {
        case .server: entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streams))
        case .client: entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        unsafe _ = nghttp2_submit_settings(library, 0, entries, entries.count)
        unsafe _ = nghttp2_session_set_local_window_size(
            library, 0, 0, Int32(clamping: max(settings.connectionWindowBytes, 65_535)))
    }

    /// Of streams of the same urgency the library serves one after the other unless they are incremental (RFC 9218).
    static func shareFairly(_ library: OpaquePointer, _ id: Int32) {
        var priority = nghttp2_extpri(urgency: UInt32(NGHTTP2_EXTPRI_DEFAULT_URGENCY), inc: 1)
        unsafe _ = nghttp2_session_change_extpri_stream_priority(library, id, &priority, 1)
    }

    static func reason(_ code: HTTP2ErrorCode) -> String {
        switch code {
        case .flowControlError: "the peer sent more than the window allowed, or made the window too large"
        case .compressionError: "the compression of a head is broken"
        case .streamClosed: "frames came on a stream that had ended"
        case .refusedStream: "there are as many streams as are taken"
        case .frameSizeError: "a frame has a wrong size"
        default: "the peer broke a rule of HTTP/2: \(code.name)"
        }
    }

    private static func session(_ context: UnsafeMutableRawPointer?) -> HTTP2Session? {
        unsafe context.map { unsafe Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func set(_ callbacks: OpaquePointer?) {
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, context in
            guard let frame = unsafe frame, let session = unsafe Library.session(context) else { return 0 }
            unsafe session.headBegan(frame.pointee.hd.stream_id)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameLength, value, valueLength, _, context in
            guard let frame = unsafe frame, let context = unsafe context else { return 0 }
            let name = unsafe UnsafeRawBufferPointer(start: name, count: nameLength)
            let value = unsafe UnsafeRawBufferPointer(start: value, count: valueLength)
            // For each field; whoever feeds the library holds the session.
            return unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef { session in
                let goesOn = unsafe session.field(frame.pointee.hd.stream_id, name.bytes, value.bytes)
                return goesOn ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _, _, id, bytes, count, context in
            guard let session = unsafe Library.session(context), count > 0 else { return 0 }
            unsafe session.data(id, UnsafeRawBufferPointer(start: bytes, count: count))
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
            guard let frame = unsafe frame, let session = unsafe Library.session(context) else { return 0 }
            unsafe session.received(frame.pointee)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, context in
            guard let frame = unsafe frame, let session = unsafe Library.session(context) else { return 0 }
            unsafe session.sent(frame.pointee)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, context in
            guard let frame = unsafe frame, let session = unsafe Library.session(context) else { return 0 }
            unsafe session.notSent(frame.pointee)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, context in
            unsafe Library.session(context)?.closed(id, code)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, count, _, context in
            guard let frame = unsafe frame, let header = unsafe header, let session = unsafe Library.session(context)
            else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            return unsafe session.write(frame.pointee.hd.stream_id, header, count)
        }
    }
}
