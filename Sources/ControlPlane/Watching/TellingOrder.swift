// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// What of a change is told first. Routes, services and workloads are read by who calls, policies by who is called: a call
/// that the old state allows, or the new one, is not to fail because the two sides hear of them in the wrong order.
///
/// | kind | what | told before |
/// |---|---|---|
/// | widening | policies that let in more | what makes callers come |
/// | rest | everything but policies, and policies of which one cannot say | what refuses those who came before |
/// | narrowing | policies that let in less | |
enum TellingKind {
    case widening
    case rest
    case narrowing

    /// True if it waits until everybody has what is of that kind.
    func waits(for other: TellingKind) -> Bool {
        switch self {
        case .widening: false
        case .rest: other == .widening
        case .narrowing: other == .rest
        }
    }
}

/// Leads watches from one state of the mesh to the next, kind by kind. Pure: whoever uses it says who has confirmed, and when
/// it has been waited long enough.
struct Telling {
    /// What watches are told.
    private(set) var told: MeshIndex
    /// What they are to be told.
    private(set) var goal: MeshIndex
    /// The newest revision of which nothing is left to be told.
    private(set) var completeRevision: UInt64
    /// Counts the steps.
    private(set) var step = 0
    /// Told and not confirmed by everybody yet.
    private var outstanding: Set<TellingKind> = []
    private(set) var unconfirmed: Set<String> = []

    init(_ index: MeshIndex) {
        told = index
        goal = index
        completeRevision = index.state.revision
    }

    var isComplete: Bool { completeRevision == goal.state.revision }

    mutating func use(_ goal: MeshIndex) { self.goal = goal }

    /// Goes as far towards the goal as it may; true if there is something to be told to `watches`.
    mutating func advance(_ watches: some Sequence<String>) -> Bool {
        if isComplete {
            told = goal
            return true
        }
        var hasMoved = false
        while !isComplete {
            let (state, kind) = told.state.step(toward: goal.state)
            if !unconfirmed.isEmpty, outstanding.contains(where: { kind.waits(for: $0) }) { break }
            if let state {
                told = goal.with(state)
            } else {
                told = goal
                completeRevision = goal.state.revision
            }
            if unconfirmed.isEmpty { outstanding = [] }
            outstanding.insert(kind)
            unconfirmed = Set(watches)
            step += 1
            hasMoved = true
        }
        return hasMoved
    }

    /// Somebody has all that is told; true if he was the last one.
    mutating func confirm(_ id: String) -> Bool { unconfirmed.remove(id) != nil && unconfirmed.isEmpty }

    /// Nobody is waited for any longer.
    mutating func giveUp() { unconfirmed = [] }
}

extension MeshState {
    /// The state after the next step, nil for the last one, and what kind of step it is.
    func step(toward goal: MeshState) -> (state: MeshState?, kind: TellingKind) {
        let closed = closedTargets
        let changes = changes(to: goal).map { ($0, kind(of: $0, closed)) }
        for kind in [TellingKind.widening, .rest, .narrowing] {
            let first = changes.filter { $0.1 == kind }.map(\.0)
            guard !first.isEmpty else { continue }
            return (first.count == changes.count ? nil : applying(first, as: goal.revision), kind)
        }
        return (nil, .rest)
    }

    /// For each target the policies with allow rules: where there is one, nobody else is let in.
    private var closedTargets: [PolicyScope: Set<ResourceID>] {
        var closed: [PolicyScope: Set<ResourceID>] = [:]
        for (id, document) in documents {
            guard case .policy(let policy) = document.resource, !policy.rules(that: .allow).isEmpty else { continue }
            closed[PolicyScope(policy), default: []].insert(id)
        }
        return closed
    }

    private func kind(of change: ResourceChange, _ closed: [PolicyScope: Set<ResourceID>]) -> TellingKind {
        guard change.id.kind == .policy else { return .rest }
        var (old, new): (Policy?, Policy?)
        if case .policy(let policy) = documents[change.id]?.resource { old = policy }
        if case .put(let document) = change, case .policy(let policy) = document.resource { new = policy }
        guard let scope = (new ?? old).map({ PolicyScope($0) }), old.map({ PolicyScope($0) == scope }) ?? true else {
            return .rest
        }
        let isClosed = mesh.defaultEffect == .deny || !(closed[scope] ?? []).subtracting([change.id]).isEmpty
        func lost(_ effect: Policy.Effect) -> Bool { Policy.rules(old, that: effect, beyond: new) }
        func gained(_ effect: Policy.Effect) -> Bool { Policy.rules(new, that: effect, beyond: old) }
        // The first allow rule shuts everybody else out, and the last one that goes lets all of them in.
        let opens = isClosed || !(old?.rules(that: .allow).isEmpty ?? true)
        let shuts = isClosed || !(new?.rules(that: .allow).isEmpty ?? true)
        let widens = lost(.deny) || gained(.allow) && opens || lost(.allow) && !shuts
        let narrows = gained(.deny) || gained(.allow) && !opens || lost(.allow) && shuts
        return widens == narrows ? .rest : widens ? .widening : .narrowing
    }
}

/// Whom a policy is for.
private struct PolicyScope: Hashable {
    let namespace: ResourceName
    let target: Policy.Target

    init(_ policy: Policy) {
        namespace = policy.reference.namespace
        target = policy.target
    }
}

extension Policy {
    fileprivate func rules(that effect: Effect) -> [Rule] {
        mode == .enforce ? rules.filter { $0.effect == effect } : []
    }

    /// True if one has a rule that is for somebody, or something, for which the other has none.
    fileprivate static func rules(_ one: Policy?, that effect: Effect, beyond other: Policy?) -> Bool {
        let others = other?.rules(that: effect) ?? []
        return (one?.rules(that: effect) ?? []).contains { rule in !others.contains { $0.covers(rule) } }
    }
}

extension Policy.Rule {
    /// True if it matches whatever the other one does. That it says no is no proof that it does not.
    fileprivate func covers(_ other: Policy.Rule) -> Bool {
        func covers<Part: Hashable>(_ mine: [Part], _ theirs: [Part]) -> Bool {
            mine.isEmpty || !theirs.isEmpty && Set(mine).isSuperset(of: theirs)
        }
        return covers(callers, other.callers) && covers(ports, other.ports) && covers(requests, other.requests)
    }
}
