// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// The results as text.
struct Report {
    let machine: Machine
    let plan: Plan
    let results: Results

    var text: String {
        var parts = [machine.text]
        parts += plan.figures.compactMap { figure in table(figure).map { "\(figure.title)\n\($0.text)" } }
        for (speech, what) in [(Speech.tcp, "connections"), (.http2, "connections of HTTP/2")] {
            guard let table = memoryTable(speech) else { continue }
            parts.append("memory resident with idle \(what), outbound / inbound\n\(table.text)")
        }
        parts.append(
            """
            Medians of \(plan.rounds) interleaved rounds, with the range in brackets. CPU is that of both hops together: the \
            user and system time of the proxies. Ratios are taken within each round. Stolen is what the host took of all \
            processors for others; with much of it p99 tells of the host.
            """)
        return parts.joined(separator: "\n\n") + "\n\n" + Ratios(results).line
    }

    private func table(_ figure: Figure) -> Table? {
        guard let samples = results.samples[figure] else { return nil }
        let isBulk = figure == .bulk
        var table = Table(
            isBulk
                ? ["", "CPU s/GB", "vs haproxy", "GB/s"]
                : ["", "CPU us each", "vs haproxy", "a second", "p50 us", "p99 us", "vs haproxy", "stolen %"])
        for contender in figure.contenders {
            guard let mine = samples[contender] else { continue }
            let good = mine.compactMap(\.self)
            func column(_ digits: Int, _ value: (Sample) -> Double) -> String {
                Spread(good.map(value))?.text(digits) ?? "-"
            }
            let cost = contender == .direct ? "" : column(isBulk ? 3 : 1) { $0.cost(figure) }
            func againstHaproxy(_ value: (Sample) -> Double) -> String {
                contender == .direct ? "" : results.ratio(figure, contender, value)?.text(2) ?? "-"
            }
            let ratio = againstHaproxy { $0.cost(figure) }
            table.add(
                isBulk
                    ? [contender.rawValue, cost, ratio, column(2) { $0.gigabytesPerSecond }]
                    : [
                        contender.rawValue, cost, ratio, column(0) { $0.answersPerSecond },
                        column(0) { $0.load.median },
                        column(0) { $0.load.percentile99 }, againstHaproxy { $0.load.percentile99 },
                        column(1) { $0.shareStolen * 100 },
                    ])
        }
        return table
    }

    private func memoryTable(_ speech: Speech) -> Table? {
        guard let memory = results.memory[speech] else { return nil }
        var table = Table([
            "", "idle MiB", "\(MemorySample.fewCount) conn. MiB", "\(MemorySample.manyCount) conn. MiB",
            "after MiB", "KiB per conn.",
        ])
        for contender in Contender.allCases {
            guard let samples = memory[contender]?.compactMap(\.self), !samples.isEmpty else { continue }
            func both(_ value: (KeyPath<MemorySample.Pair, Double>) -> (MemorySample) -> Double) -> String {
                [\MemorySample.Pair.outbound, \.inbound].map { hop in
                    Spread(samples.map(value(hop)))?.median.text(1) ?? "-"
                }.joined(separator: " / ")
            }
            func mebibytes(_ pair: @escaping (MemorySample) -> MemorySample.Pair) -> String {
                both { hop in { pair($0)[keyPath: hop] / 1_048_576 } }
            }
            table.add([
                contender.rawValue, mebibytes { $0.idle }, mebibytes { $0.few }, mebibytes { $0.many },
                mebibytes { $0.after }, both { hop in { $0.kibibytesPerConnection(hop) } },
            ])
        }
        return table
    }

    /// One sample as a line of progress.
    static func line(_ figure: Figure, _ contender: Contender, _ sample: Sample) -> String {
        let cost =
            figure == .bulk
            ? "\(sample.secondsPerGigabyte.text(3)) s/GB, \(sample.gigabytesPerSecond.text(2)) GB/s"
            : "\(sample.microsecondsPerAnswer.text(1)) us, \(sample.answersPerSecond.text(0))/s, "
                + "p50 \(sample.load.median.text(0)) us, p99 \(sample.load.percentile99.text(0)) us"
        return "\(figure.rawValue.padded(14))\(contender.rawValue.padded(14))\(cost)"
    }

    static func line(_ contender: Contender, _ sample: MemorySample) -> String {
        func size(_ pair: MemorySample.Pair) -> String { (pair.outbound / 1_048_576).text(1) }
        return
            "\(contender.rawValue.padded(14))outbound \(size(sample.idle)), \(size(sample.few)), \(size(sample.many)), "
            + "\(size(sample.after)) MiB; \(sample.kibibytesPerConnection(\.outbound).text(1)) KiB per connection"
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
