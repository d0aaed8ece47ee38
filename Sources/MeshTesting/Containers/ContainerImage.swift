// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc

/// A root file system for containers, made without a network of what this machine has: programs, and exactly the
/// libraries that they need. No shell, no passwd and no other file, unless they are put in.
package struct ContainerImage: Sendable {
    /// The directory that becomes `/`.
    package let path: String

    package init(at path: String) throws {
        self.path = path
        // Where a runtime mounts the kernel's file systems; the root itself is read-only then.
        for directory in ["proc", "dev", "sys"] { try make(directory) }
    }

    /// Puts a program in, with its libraries.
    package func add(program source: String, as target: String) async throws {
        try copy(source, to: target)
        try await addLibraries(of: source)
    }

    /// The dynamic linker's own answer to what a program or module loads; nothing for a static one.
    package func addLibraries(of binary: String) async throws {
        let listing = try RunningProgram(["ldd", binary], log: "\(path).ldd")
        let text = try await listing.result().output
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }) where word.hasPrefix("/") {
            try copy(String(word), to: String(word))
        }
    }

    /// Puts a file in that a link may lead to, with its mode; once is enough.
    package func copy(_ source: String, to target: String) throws {
        let destination = path + target
        guard !FileManager.default.fileExists(atPath: destination) else { return }
        try make((target as NSString).deletingLastPathComponent)
        guard let resolved = realpath(source, nil) else { throw DidNotHappen("\(source) is not there") }
        defer { free(resolved) }
        try FileManager.default.copyItem(atPath: String(cString: resolved), toPath: destination)
    }

    package func link(_ target: String, to source: String) throws {
        try make((target as NSString).deletingLastPathComponent)
        try FileManager.default.createSymbolicLink(atPath: path + target, withDestinationPath: source)
    }

    /// A directory, for what is mounted there.
    package func make(_ directory: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(directory)", withIntermediateDirectories: true)
    }
}

/// The images of Weft, as the Containerfile makes them, from the programs that are being tested.
package struct WeftImages: Sendable {
    /// `weft-proxy` and nothing else.
    package let proxy: ContainerImage
    /// A shell, iptables and `weft-init`, with the entry point of the init step.
    package let initStep: ContainerImage
    /// Somebody's application: a shell, and `weft-proxy` to be held back by, or to be a sidecar with a shell.
    package let application: ContainerImage
    /// `weft-control`, and `weft` to ask it and to join by.
    package let control: ContainerImage

    /// Where the images expect what is mounted.
    package static let mountPoints = ["/etc/weft", "/var/lib/weft", "/var/lib/weft-control", "/data"]

    static func make(in directory: String) async throws -> WeftImages {
        let proxy = try ContainerImage(at: "\(directory)/proxy")
        try await proxy.add(program: BuiltProgram.path("weft-proxy"), as: "/weft-proxy")

        let initStep = try ContainerImage(at: "\(directory)/init")
        try await initStep.add(program: "/bin/busybox", as: "/bin/busybox")
        try initStep.link("/bin/sh", to: "busybox")
        try await initStep.add(program: BuiltProgram.path("weft-init"), as: "/usr/local/bin/weft-init")
        try initStep.copy(BuiltProgram.script("container-init.sh"), to: "/usr/local/bin/container-init.sh")
        try await addIptables(to: initStep)

        let application = try ContainerImage(at: "\(directory)/application")
        try await application.add(program: "/bin/busybox", as: "/bin/busybox")
        try application.link("/bin/sh", to: "busybox")
        try application.copy(BuiltProgram.script("container-proxy.sh"), to: "/usr/local/bin/container-proxy.sh")
        try await application.add(program: BuiltProgram.path("weft-proxy"), as: "/bin/weft-proxy")

        let control = try ContainerImage(at: "\(directory)/control")
        for program in ["weft-control", "weft"] {
            try await control.add(program: BuiltProgram.path(program), as: "/usr/local/bin/\(program)")
        }

        for image in [proxy, initStep, application, control] {
            for directory in mountPoints { try image.make(directory) }
        }
        return WeftImages(proxy: proxy, initStep: initStep, application: application, control: control)
    }

    /// Both backends, under the names that distributions give them, and the modules that they load.
    private static func addIptables(to image: ContainerImage) async throws {
        for backend in ["nft", "legacy"] {
            let program = "xtables-\(backend)-multi"
            try await image.add(program: "/usr/sbin/\(program)", as: "/usr/sbin/\(program)")
            for stem in ["iptables", "ip6tables"] {
                for ending in ["", "-save", "-restore"] {
                    try image.link("/usr/sbin/\(stem)-\(backend)\(ending)", to: program)
                }
            }
        }
        for directory in try FileManager.default.contentsOfDirectory(atPath: "/usr/lib") {
            let modules = "/usr/lib/\(directory)/xtables"
            guard FileManager.default.fileExists(atPath: modules) else { continue }
            try image.copy(modules, to: modules)
        }
    }
}
