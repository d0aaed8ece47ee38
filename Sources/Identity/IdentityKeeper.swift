// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel
package import TLSSession

/// Keeps the identity up to date: loads it, notices changed files, and says what came of it. Lives on the control thread;
/// the driver asks it when something may have changed and hands on what it returns.
package final class IdentityKeeper {
    /// What came of looking.
    package enum Change {
        /// The files are as they were.
        case none
        /// A new set is in force.
        case loaded(IdentityMaterial)
        /// The new set is not usable; what was in force stays. `isNew` is false for a problem that was told before.
        case rejected(Problem, isNew: Bool)
        /// Key and certificate do not fit together, for the first time: a rotation may be half done. Look again in a moment.
        case unsettled
    }

    /// Nil where there is no identity to keep.
    private var loader: IdentityLoader?
    package private(set) var material: IdentityMaterial?
    private var versions: [String: FileFacts.Version] = [:]
    private var lastProblem: Problem?
    private var isTold = true

    package init(_ loader: IdentityLoader?) { self.loader = loader }

    /// What lies in the files where its leaf has expired and nothing else is wrong.
    package func expired(now: WallTime) -> IdentityMaterial? { (try? loader?.loadExpired(now: now)) ?? nil }

    /// Directories in which a change may matter.
    package var directories: Set<String> { Set((loader?.files ?? []).map(Files.directory(of:))) }

    /// Takes another configuration; the next look loads anew.
    package func use(_ loader: IdentityLoader) {
        self.loader = loader
        versions = [:]
    }

    /// Looks at the files, and loads them if one of them has changed or `force` says so. While a set does not fit together
    /// (a rotation writes one file after the other), every look tries again.
    package func look(force: Bool, now: WallTime) -> Change {
        guard let loader else { return .none }
        let current = Dictionary(
            loader.files.compactMap { file in (try? Files.facts(file)).map { (file, $0.version) } }
        ) { first, _ in first }
        guard force || current != versions || lastProblem != nil else { return .none }
        do throws(Problem) {
            let loaded = try loader.load(continuing: material, now: now)
            let isSame =
                material?.generation == loaded.generation && material?.bundles.generation == loaded.bundles.generation
            versions = current
            lastProblem = nil
            material = loaded
            return isSame ? .none : .loaded(loaded)
        } catch {
            let hasChanged = current != versions
            let isNew = hasChanged || error != lastProblem || !isTold
            versions = current
            lastProblem = error
            isTold = !(error.code == .keyMismatch && hasChanged && material != nil)
            return isTold ? .rejected(error, isNew: isNew) : .unsettled
        }
    }
}
