// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Telemetry
import Testing

@Suite("Messages of the process")
struct LogLineTests {
    private static let time = WallTime(nanoseconds: 0)

    private static func line(_ line: LogLine, _ format: LogSettings.Format) -> String {
        String(decoding: line.bytes(format, time: time), as: UTF8.self)
    }

    @Test("in both forms")
    func forms() {
        let line = LogLine(.warn, "it is so", [("path", "/a b"), ("count", "3"), ("empty", "")])
        #expect(
            Self.line(line, .text) == "1970-01-01T00:00:00.000Z warn it is so path=\"/a b\" count=3 empty=\"\"\n")
        #expect(
            Self.line(line, .json) == """
                {"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"it is so","path":"/a b","count":"3",\
                "empty":""}

                """)
    }

    @Test("a problem is told with its code")
    func problem() {
        let line = LogLine(.error, "not taken", Problem(.badValue, at: "spec.x", "`y` is not a port"))
        #expect(
            Self.line(line, .text)
                == "1970-01-01T00:00:00.000Z error not taken code=WEFT1003 "
                + "problem=\"WEFT1003 spec.x: `y` is not a port\"\n")
    }

    @Test(
        "hostile values stay one word on one line", arguments: ConnectionRecordTests.hostile,
        LogSettings.Format.allCases)
    func hostile(_ value: String, _ format: LogSettings.Format) {
        let line = Self.line(LogLine(.info, "m", [("value", value)]), format)
        #expect(line.utf8.count { $0 == 10 } == 1)
        let isClean = line.unicodeScalars.dropLast().allSatisfy { $0.properties.generalCategory != .control }
        #expect(isClean)
    }
}
