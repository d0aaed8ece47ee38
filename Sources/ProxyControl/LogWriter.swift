// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Writes lines to standard output without ever waiting for whoever reads them. What does not fit is kept up to a limit;
/// beyond it lines are dropped and counted, and the count is told as soon as there is room again.
final class LogWriter: EventHandler {
    private static let waitingMax = 1 << 20

    private let loop: EventLoop
    private var output: OutputWithoutWaiting?
    private var waiting: [UInt8] = []
    private var written = 0
    private var isWatched = false
    private(set) var dropped: UInt64 = 0
    private var untold: UInt64 = 0
    var level: LogSettings.Level
    var format: LogSettings.Format

    init(_ loop: EventLoop, _ settings: LogSettings) {
        self.loop = loop
        output = StandardStream.outputWithoutWaiting()
        level = settings.level
        format = settings.format
        super.init()
        loop.add(self)
    }

    func log(_ line: @autoclosure () -> LogLine) {
        let line = line()
        guard line.level <= level else { return }
        write(line.bytes(format, time: WallTime.now()))
    }

    /// One line per finished connection or request; `now` is the moment the batch is handled.
    func write(_ batch: [FinishedWork], now: Instant) {
        let wall = WallTime.now()
        var bytes: [UInt8] = []
        var lineCount: UInt64 = 0
        for work in batch where work.isLogged {
            lineCount += 1
            let time = WallTime(nanoseconds: wall.nanoseconds - (now - work.endedAt).wholeNanoseconds)
            switch work.record {
            case .connection(let record): bytes += record.line(format, time: time)
            case .request(let record): bytes += record.line(format, time: time)
            case .line(let line) where line.level <= level: bytes += line.bytes(format, time: time)
            case .line: break
            }
        }
        if lineCount > 0 { write(bytes, lines: lineCount) }
    }

    private func write(_ bytes: [UInt8], lines: UInt64 = 1) {
        guard waiting.count - written + bytes.count <= Self.waitingMax else {
            dropped += lines
            untold += lines
            return
        }
        waiting += bytes
        flush()
    }

    /// Writes what can be written now.
    func flush() {
        while written < waiting.count {
            let count: Int
            do throws(SystemError) {
                count = try output?.write(waiting[written...]) ?? waiting.count
            } catch {
                // Nobody reads any more; there is nobody to tell either.
                count = waiting.count - written
            }
            guard count > 0 else { return watch() }
            written += count
        }
        waiting = []
        written = 0
        if untold > 0 {
            let count = untold
            untold = 0
            log(LogLine(.warn, "log lines were dropped because nobody read them", [("count", String(count))]))
        }
    }

    private func watch() {
        guard !isWatched, let number = output?.number else { return }
        isWatched = true
        // A regular file cannot be watched and never makes us wait.
        try? loop.watch(number, for: self, .everythingOnce)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) { flush() }

    /// Before the process ends: tries for a moment to get rid of the rest.
    func finish() {
        let deadline = Instant.now() + .milliseconds(500)
        while written < waiting.count, Instant.now() < deadline {
            flush()
            if written < waiting.count { output?.wait(milliseconds: 20) }
        }
    }
}
