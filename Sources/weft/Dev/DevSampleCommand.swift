// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import AsyncHTTPClient
import LinuxSystem
import MeshModel
import NIOCore
import NIOHTTP1

/// The applications of `weft dev`: a server and a client that know nothing of a mesh. Hidden, since nobody else needs them.
struct DevSampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev-sample",
        abstract: "The applications of `weft dev`.",
        shouldDisplay: false,
        subcommands: [Serve.self, Get.self, Watch.self])

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer every request with a greeting.")

        @Argument(help: "The name to greet with.")
        var name: String

        @Option(help: "The port to listen on.")
        var port: Int

        func run() async throws {
            try await DevServer(name: name).run(port: port)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make one request; 0 for an answer with 200.")

        @Argument(help: "What to ask for.")
        var url: String

        func run() async throws {
            let (line, isAnswered) = await DevRequest.line(url)
            StandardStream.output.write("\(line)\n")
            if !isAnswered { throw ExitCode(1) }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ask one after the other, one request each second.")

        @Argument(help: "What to ask for.")
        var urls: [String]

        func run() async throws {
            while true {
                for url in urls {
                    let (line, _) = await DevRequest.line(url)
                    StandardStream.output.write("\(WallTime.now()) \(line)\n")
                    try await Task.sleep(for: .seconds(1))
                }
            }
        }
    }
}

/// One request over a connection of its own, and a line about it.
enum DevRequest {
    private static let timeout: TimeAmount = .seconds(5)
    private static let answerBytes = 4096

    static func line(_ url: String) async -> (text: String, isAnswered: Bool) {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "connection", value: "close")
        let began = ContinuousClock.now
        let outcome: String
        var isAnswered = false
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: answerBytes)
            isAnswered = response.status == .ok
            outcome = "\(response.status.code) \(String(buffer: body).trimmed)"
        } catch let error as HTTPClientError {
            outcome = error.shortDescription
        } catch let error as IOError {
            outcome = "\(Errno(number: error.errnoCode))"
        } catch {
            outcome = "\(error)"
        }
        let took = (ContinuousClock.now - began).wholeMilliseconds
        return ("GET \(url) \(took) ms: \(outcome.printable)", isAnswered)
    }
}
