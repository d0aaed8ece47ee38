// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlStore
package import MeshModel
internal import ResourceDocuments

/// What operators change.
extension ControlPlane {
    package struct ApplyOptions: Sendable {
        package var message: String?
        /// Check, and say what would change, without writing.
        package var isDryRun = false
        /// Names that lead nowhere become warnings.
        package var allowsDangling = false
        /// Take out what is not among the documents: nil: nothing; else of these kinds.
        package var pruneKinds: Set<ResourceKind> = []

        package init() {}
    }

    package enum Action: String, Sendable {
        case created
        case changed
        case deleted
        case unchanged
    }

    /// What came of a write.
    package struct Written: Sendable {
        /// Nil where nothing was to be changed, or nothing was to be written.
        package let record: RevisionRecord?
        /// The revision that holds now.
        package let revision: UInt64
        package let actions: [(id: ResourceID, action: Action)]
        package let warnings: [Problem]
    }

    /// Writes documents as one revision: all of them or none. `name` stands in messages for the text.
    package func apply(
        _ text: [UInt8], name: String, author: String, _ options: ApplyOptions = ApplyOptions()
    ) async throws(Problems) -> Written {
        let registered = await keeper.membership.workloads
        let plan = Plan(text: text, name: name, options: options, registered: registered, trustDomain: trustDomain)
        if options.isDryRun {
            let outcome = try plan.decide(await revisions.state)
            return Written(
                record: nil, revision: await revisions.state.revision, actions: outcome.actions,
                warnings: outcome.warnings)
        }
        let last = Last<Plan.Outcome>()
        let record = try await revisions.write(author: author, message: options.message) {
            state async throws(Problems) in
            let outcome = try plan.decide(state)
            await last.set(outcome)
            return outcome.changes
        }
        await written(record, by: author, "apply")
        let outcome = await last.value
        return Written(
            record: record, revision: await revisions.state.revision, actions: outcome?.actions ?? [],
            warnings: outcome?.warnings ?? [])
    }

    /// Deletes resources as one revision; an error if one of them is not there, or something that stays names one.
    package func delete(
        _ ids: [ResourceID], author: String, _ options: ApplyOptions = ApplyOptions()
    ) async throws(Problems) -> Written {
        let registered = await keeper.membership.workloads
        let last = Last<[Problem]>()
        let record = try await revisions.write(author: author, message: options.message) {
            state async throws(Problems) in
            let missing = ids.filter { state.documents[$0] == nil }
            guard missing.isEmpty else {
                throw Problems(missing.map { state.missing($0) })
            }
            let changes = ids.map { ResourceChange.delete($0) }
            let warnings = try Plan.check(
                nil, state.applying(changes, as: state.revision), registered, allowsDangling: options.allowsDangling)
            await last.set(warnings)
            return options.isDryRun ? [] : changes
        }
        await written(record, by: author, "delete")
        return Written(
            record: record, revision: await revisions.state.revision, actions: ids.map { ($0, .deleted) },
            warnings: await last.value ?? [])
    }

    /// Writes the content of an earlier revision as a new one.
    package func rollBack(to number: UInt64, author: String, message: String?) async throws(Problems) -> Written {
        let target: MeshState?
        do throws(StoreError) { target = try await revisions.content(of: number) } catch {
            throw Problems(error.problem)
        }
        guard let target else {
            throw Problems(
                Problem(
                    .revisionMissing, "there is no revision \(number)", remedy: "`weft history` lists those there are"))
        }
        let registered = await keeper.membership.workloads
        let last = Last<(changes: [ResourceChange], base: MeshState)>()
        let record = try await revisions.write(author: author, message: message, rolledBackTo: number) {
            state async throws(Problems) in
            let changes = state.changes(to: target)
            // What it names may be gone by now: that was allowed when it was written, or is said by `weft check`.
            _ = try Plan.check(nil, state.applying(changes, as: state.revision), registered, allowsDangling: true)
            await last.set((changes, state))
            return changes
        }
        await written(record, by: author, "rollback")
        let outcome = await last.value
        return Written(
            record: record, revision: await revisions.state.revision,
            actions: (outcome?.changes ?? []).map { change in
                if case .delete(let id) = change { return (id, .deleted) }
                return (change.id, outcome?.base.documents[change.id] == nil ? .created : .changed)
            }, warnings: [])
    }

    /// What goes with a write: addresses for new services, a line in the audit log.
    private func written(_ record: RevisionRecord?, by author: String, _ action: String) async {
        guard let record else { return }
        let state = await revisions.state
        try? await VirtualAddresses(store).assign(state, await keeper.membership.virtualAddresses)
        await audit.note(action, by: author, on: "revision/\(record.number)", outcome: nil)
    }
}

/// What a closure that is tried several times found last.
private actor Last<Value: Sendable> {
    private(set) var value: Value?

    func set(_ value: Value) { self.value = value }
}

/// Documents that are to be applied.
private struct Plan: Sendable {
    struct Outcome: Sendable {
        let changes: [ResourceChange]
        let actions: [(id: ResourceID, action: ControlPlane.Action)]
        let warnings: [Problem]
    }

    let text: [UInt8]
    let name: String
    let options: ControlPlane.ApplyOptions
    let registered: Set<ResourceReference>
    let trustDomain: TrustDomain

    /// One object may have this much text, as stores take it.
    private static let documentBytes = 1 << 20
    private static let documentCount = 10_000

    func decide(_ state: MeshState) throws(Problems) -> Outcome {
        let reading: ResourceReading
        do throws(Problem) { reading = try ResourceReading(text, name: name) } catch { throw Problems(error) }
        guard reading.problems.isEmpty else { throw Problems(reading.problems + others(reading, state)) }
        // As where the program that should have written them has failed; with `prune` it would take out everything.
        guard !reading.documents.isEmpty else {
            throw Problems(
                Problem(
                    .missingDocument, at: "\(name):1:1", "there is no document in it",
                    remedy: "write at least one; `weft delete` takes resources out"))
        }
        try checkSizes(reading.documents, state)
        var changes: [ResourceChange] = []
        var actions: [(ResourceID, ControlPlane.Action)] = []
        for document in reading.documents {
            let old = state.documents[document.id]
            guard old?.text != document.text else {
                actions.append((document.id, .unchanged))
                continue
            }
            actions.append((document.id, old == nil ? .created : .changed))
            changes.append(.put(document))
        }
        let kept = Set(reading.documents.map(\.id))
        for id in state.documents.keys.sorted() where options.pruneKinds.contains(id.kind) && !kept.contains(id) {
            changes.append(.delete(id))
            actions.append((id, .deleted))
        }
        let target = state.applying(changes, as: state.revision)
        let warnings = try Self.check(reading, target, registered, allowsDangling: options.allowsDangling)
        return Outcome(changes: changes, actions: actions, warnings: warnings)
    }

    /// What is wrong between the documents, where some could not be read: everything is told at once. What has to do with
    /// those that could not be read is left until they can.
    private func others(_ reading: ResourceReading, _ state: MeshState) -> [Problem] {
        guard let unread = reading.unread else { return [] }
        let own = reading.problems.count
        let target = state.applying(reading.documents.map { .put($0) }, as: state.revision)
        reading.check(target.resources, registered: registered) { state.documents[$0]?.text }
        return reading.problems.dropFirst(own).filter { problem in
            if problem.code == .danglingReference, options.allowsDangling { return false }
            return !unread.contains { problem.message.names($0) }
        }
    }

    private func checkSizes(_ documents: [ResourceDocument], _ state: MeshState) throws(Problems) {
        var problems: [Problem] = []
        for document in documents {
            if document.text.utf8.count > Self.documentBytes {
                problems.append(
                    Problem(
                        .bodyTooLarge, at: document.id.description, "has \(document.text.utf8.count) bytes",
                        remedy: "one resource may have \(Self.documentBytes)"))
            }
            if case .mesh(let mesh) = document.resource, let domain = mesh.trustDomain, domain != trustDomain {
                problems.append(
                    Problem(
                        .conflict, at: "spec.trustDomain", "the mesh is `\(trustDomain)`, not `\(domain)`",
                        remedy: "leave it away: the root says it"))
            }
            if case .trust(let trust) = document.resource, trust.certificates == nil {
                problems.append(
                    Problem(
                        .missingField, at: document.id.description,
                        "names a file, which the control plane cannot hand on",
                        remedy: "write the roots themselves as `spec.certificates`"))
            }
        }
        let count = Set(state.documents.keys).union(documents.map(\.id)).count
        if count > Self.documentCount {
            problems.append(
                Problem(
                    .bodyTooLarge, "the mesh would have \(count) resources", remedy: "it may have \(Self.documentCount)"
                ))
        }
        if !problems.isEmpty { throw Problems(problems) }
    }

    /// Checks a whole state; what is only worth a warning.
    static func check(
        _ reading: ResourceReading?, _ state: MeshState, _ registered: Set<ResourceReference>, allowsDangling: Bool
    ) throws(Problems) -> [Problem] {
        let reader: ResourceReading
        if let reading {
            reader = reading
        } else {
            do throws(Problem) { reader = try ResourceReading([], name: "the mesh") } catch { throw Problems(error) }
        }
        reader.check(state.resources, registered: registered) { state.documents[$0]?.text }
        let problems = reader.problems
        guard !problems.isEmpty else { return [] }
        guard allowsDangling, problems.allSatisfy({ $0.code == .danglingReference }) else {
            throw Problems(
                problems.map { problem in
                    guard problem.code == .danglingReference, !allowsDangling else { return problem }
                    let remedy = [problem.remedy, "or allow it with `--allow-dangling`"].compactMap(\.self)
                    return Problem(
                        problem.code, at: problem.place, problem.message, remedy: remedy.joined(separator: ", "))
                })
        }
        return problems
    }
}

extension String {
    /// True if a resource is named in it, and not only one whose name begins alike.
    fileprivate func names(_ reference: ResourceReference) -> Bool {
        ranges(of: reference.description).contains { range in
            range.upperBound == endIndex
                || !(self[range.upperBound].isLetter || self[range.upperBound].isNumber
                    || self[range.upperBound] == "-")
        }
    }
}
