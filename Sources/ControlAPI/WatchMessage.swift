// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// One line of the answer to a watch.
package enum WatchMessage: ControlMessage {
    /// Always first.
    case welcome(Welcome)
    /// What has changed for this proxy.
    case update(Update)
    /// A sign of life, with the server's time.
    case heartbeat(WallTime)
    /// Somebody wants to see more, or less, of this proxy's log.
    case logLevel(LogSettings.Level)
    /// A new certificate is to be fetched now.
    case renew
    /// What the proxy has said on this connection has come, up to the line of this number, and was taken up.
    case heard(UInt64)
    /// The server ends this watch; reconnect, to another address first.
    case goodbye(reason: String)
    /// Of a later protocol; there is nothing to do for it.
    case unknown(type: String)

    package struct Welcome: Hashable, Sendable {
        package var protocolVersion: Int
        /// Thirty-two hexadecimal digits: names this watch in what is posted beside it.
        package var watch: String
        package var replica: String
        package var time: WallTime
        package var heartbeatSeconds: Int

        package init(
            protocolVersion: Int = ControlProtocol.version, watch: String, replica: String, time: WallTime,
            heartbeatSeconds: Int = ControlProtocol.heartbeatSeconds
        ) {
            self.protocolVersion = protocolVersion
            self.watch = watch
            self.replica = replica
            self.time = time
            self.heartbeatSeconds = heartbeatSeconds
        }
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            switch self {
            case .welcome(let welcome):
                writer.field("type", "welcome")
                writer.field("protocol", welcome.protocolVersion)
                writer.field("watch", welcome.watch)
                writer.field("replica", welcome.replica)
                writer.field("time", welcome.time.description)
                writer.field("heartbeatSeconds", welcome.heartbeatSeconds)
            case .update(let update):
                writer.field("type", "update")
                update.writeFields(into: &writer)
            case .heartbeat(let time):
                writer.field("type", "heartbeat")
                writer.field("time", time.description)
            case .logLevel(let level):
                writer.field("type", "logLevel")
                writer.field("level", level.rawValue)
            case .renew: writer.field("type", "renew")
            case .heard(let number):
                writer.field("type", "heard")
                writer.field("number", number)
            case .goodbye(let reason):
                writer.field("type", "goodbye")
                writer.field("reason", reason)
            case .unknown(let type): writer.field("type", type)
            }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        let type = try reader.text("type", atMost: 64)
        switch type {
        case "welcome": self = .welcome(try Welcome(reader))
        case "update": self = .update(try Update(reader))
        case "heartbeat": self = .heartbeat(try reader.moment("time"))
        case "logLevel":
            self = .logLevel(try reader.value("level", "a log level") { LogSettings.Level(rawValue: $0) })
        case "renew": self = .renew
        case "heard": self = .heard(try reader.number("number"))
        case "goodbye":
            self = .goodbye(reason: try reader.optionalText("reason", atMost: ControlProtocol.sentenceBytes) ?? "")
        default: self = .unknown(type: type)
        }
    }

    /// The message with its line end.
    package func line() -> [UInt8] { encode() + [UInt8(ascii: "\n")] }
}

extension WatchMessage.Welcome {
    fileprivate init(_ reader: MessageReader) throws(Problem) {
        protocolVersion = Int(clamping: try reader.number("protocol", atMost: UInt64(UInt16.max)))
        watch = try reader.value("watch", "thirty-two lower-case hexadecimal digits") {
            $0.utf8.count == 32 && $0.isLowerCaseHexadecimal ? $0 : nil
        }
        replica = try reader.text("replica", atMost: 255)
        time = try reader.moment("time")
        heartbeatSeconds = Int(clamping: try reader.number("heartbeatSeconds", atMost: 3600))
    }
}
