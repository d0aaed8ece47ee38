// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import FoundationEssentials
import MeshModel

/// What every command has that talks to the control plane: which one, and how to print.
struct ControlOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The control plane: the path of its socket, or https://HOST:PORT (default: WEFT_CONTROL, then `weft login`, "
                + "then \(ControlPlace.standardSocket)).", valueName: "place"),
        transform: Values.controlPlace)
    var control: ControlPlace?

    @OptionGroup var output: Output

    /// Runs the work of a command with a client, and says what came of it.
    func report(
        _ command: String, _ work: (ControlClient) async throws(Problems) -> Output.Result
    ) async throws {
        try await output.reportAll(command) { () async throws(Problems) in
            let client: ControlClient
            do throws(Problem) { client = try self.client() } catch { throw Problems(error) }
            do throws(Problems) {
                let result = try await work(client)
                await client.close()
                return result
            } catch {
                await client.close()
                throw error
            }
        }
    }

    /// The control plane that is meant, in the order that the help says.
    func client() throws(Problem) -> ControlClient {
        let login = try Login.current()
        let named = control == nil ? try Self.named() : control
        guard let place = named else {
            return try login?.client() ?? ControlClient(socket: ControlPlace.standardSocket)
        }
        if case .socket(let path) = place { return ControlClient(socket: path) }
        guard let login, login.place == place else {
            throw Problem(
                .unauthenticated, at: place.description, "there is no credential for it",
                remedy: "`weft login \(place) --token TOKEN --root-digest SHA256`")
        }
        return try login.client()
    }

    private static func named() throws(Problem) -> ControlPlace? {
        guard let text = ProcessInfo.processInfo.environment["WEFT_CONTROL"], !text.isEmpty else { return nil }
        guard let place = ControlPlace(text) else {
            throw Problem(
                .badValue, at: "WEFT_CONTROL", "`\(text)` is neither a path nor https://HOST:PORT")
        }
        return place
    }
}

extension Values {
    static func controlPlace(_ text: String) throws -> ControlPlace {
        try read(text, "a path of a socket, or https://HOST:PORT") { ControlPlace($0) }
    }
}
