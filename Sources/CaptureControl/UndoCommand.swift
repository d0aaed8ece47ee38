// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// `weft-init undo`: takes away whatever is Weft's, in the reverse order of applying, so that nothing is captured by half
/// while it goes.
struct UndoCommand {
    private let request: CaptureRequest
    private let console: Console

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        request = try CaptureRequest(placeOnly: arguments)
        self.console = console
    }

    func run() throws(Problem) -> ExitCode {
        try Preconditions.enter(request)
        try Preconditions.checkCapability()
        let run = try RunGuard.begin(patience: request.lockTimeout, console)
        try Preconditions.clean()
        let survey = try BackendSurvey.look(lockTimeout: request.lockTimeout)
        try refuseWhatCannotBeSeen(survey)
        let wanted = RuleBackend.allCases.filter { backend in
            request.settings.backend == .auto || request.settings.backend.rawValue == backend.rawValue
        }
        var transaction = Transaction(survey)
        var undone: [String] = []
        for backend in wanted where survey.hasOurs(backend) {
            for table in RuleTable.allCases.reversed() {
                for family in AddressFamily.allCases {
                    let place = Place(backend: backend, family: family)
                    guard survey.saved[place] != nil else { continue }
                    let iptables = try Iptables(backend, family, lockTimeout: request.lockTimeout)
                    do throws(Problem) {
                        if try transaction.move(iptables, table, to: nil) {
                            undone.append("\(place), table \(table.rawValue)")
                        }
                        try run.checkInterruption()
                    } catch {
                        guard error.code == .applyFailed else { throw error }
                        throw Problem(.undoFailed, at: error.place, error.message)
                    }
                }
            }
        }
        console.line(undone.isEmpty ? "nothing" : "undone", undone.isEmpty ? "of Weft's was here" : "")
        for place in undone { console.line("", place) }
        return console.finish("undo", .done) { json in
            json.field("changed", !undone.isEmpty)
            json.key("undone")
            json.array(undone) { $0.string($1) }
        }
    }

    /// Rules that can be seen but not listed must not pass for no rules.
    private func refuseWhatCannotBeSeen(_ survey: BackendSurvey) throws(Problem) {
        let hidden = survey.nft?.chains.first { chain in
            guard let family = chain.family, chain.name.hasPrefix(RedirectPlan.chainPrefix) else { return false }
            return survey.saved[Place(backend: .nft, family: family)] == nil
        }
        guard let hidden else { return }
        throw Problem(
            .undoFailed,
            "the chain \(hidden.name) is there, but the iptables-nft programs that could remove it are not",
            remedy: "install the package `iptables`")
    }
}
