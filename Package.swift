// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The settings every target of ours compiles with. Strict memory safety marks each unsafe expression, so that the few
/// places where a pointer is trusted can be found and read; tests go without it.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableExperimentalFeature("Lifetimes"),
]
let strict: [SwiftSetting] = common + [.strictMemorySafety()]
let pedantic: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]

func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: common)
}

// The layers, lowest first. A target imports targets of lower layers only, or a neighbour named in its own list;
// nothing else compiles. ARCHITECTURE.md says what each one is for.

let cEdge: [Target] = [
    .systemLibrary(
        name: "COpenSSL", path: "Sources/CEdge/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
        name: "CYAML", path: "Sources/CEdge/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux", path: "Sources/CEdge/CLinux", cSettings: pedantic),
    // libmnl (libmnl-dev); linked by weft-init alone.
    .target(
        name: "CNetlink", path: "Sources/CEdge/CNetlink", cSettings: pedantic, linkerSettings: [.linkedLibrary("mnl")]),
]

let words: [Target] = [
    library("Bytes"),
    library("MeshModel"),
]

let pure: [Target] = [
    library("CommandLine", ["MeshModel"]),
    library("Redirection", ["MeshModel"]),
]

let machine: [Target] = [
    library("LinuxSystem", ["CLinux", "MeshModel"]),
    library("Netlink", ["CNetlink", "LinuxSystem", "MeshModel"]),
]

let talks: [Target] = [
    library("Configuration", ["CYAML", "LinuxSystem", "MeshModel"])
]

let wholes: [Target] = [
    library(
        "CaptureControl",
        ["Bytes", "CommandLine", "Configuration", "LinuxSystem", "MeshModel", "Netlink", "Redirection"])
]

let programs: [Target] = [
    .executableTarget(name: "weft-init", dependencies: ["CaptureControl", "LinuxSystem"], swiftSettings: strict)
]

// Helpers of tests; no program links them.
let side: [Target] = [
    library("MeshTesting", ["MeshModel"], settings: common),
    .executableTarget(name: "lab-tool", swiftSettings: common),
]

let tested: [Target] = [
    tests("CaptureTests", ["MeshModel", "MeshTesting", "Redirection"]),
    tests("RedirectionTests", ["MeshModel", "MeshTesting", "Redirection"], exclude: ["Golden"]),
]

let package = Package(
    name: "weft",
    products: [],
    targets: cEdge + words + pure + machine + talks + wholes + programs + side + tested
)
