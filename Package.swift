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

// What comes from packages. Nothing that weft-proxy or weft-init link may name one of these.
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let sqlite = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")

// The layers, lowest first. A target imports targets of lower layers only, or a neighbour named in its own list;
// nothing else compiles. ARCHITECTURE.md says what each one is for.

let cEdge: [Target] = [
    .systemLibrary(
        name: "COpenSSL", path: "Sources/CEdge/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "COpenSSLMemory", path: "Sources/CEdge/COpenSSLMemory", cSettings: pedantic),
    .systemLibrary(
        name: "CYAML", path: "Sources/CEdge/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux", path: "Sources/CEdge/CLinux", cSettings: pedantic),
    .systemLibrary(
        name: "CPCRE2", path: "Sources/CEdge/CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(
        name: "CCares", path: "Sources/CEdge/CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
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
    library("Detection", ["Bytes", "MeshModel"]),
    library("PeerProtocol", ["Bytes", "MeshModel"]),
    library("ConnectionStates", ["Bytes", "Detection", "MeshModel"]),
    library("HTTPCodec", ["Bytes", "MeshModel"]),
    library("HTTP2Codec", ["Bytes", "HTTPCodec", "MeshModel"]),
    library("Patterns", ["CPCRE2"]),
    library("Routing", ["HTTPCodec", "MeshModel", "Patterns"]),
    library("Authorization", ["HTTPCodec", "MeshModel", "Patterns"]),
    library("Telemetry", ["Bytes", "MeshModel"]),
]

let machine: [Target] = [
    library("LinuxSystem", ["CLinux", "MeshModel"]),
    library("Netlink", ["CNetlink", "LinuxSystem", "MeshModel"]),
    library("Reactor", ["LinuxSystem", "MeshModel"]),
    library("NameResolution", ["CCares", "LinuxSystem", "MeshModel", "Reactor"]),
    library("NameServing", ["Bytes", "LinuxSystem", "MeshModel", "Reactor"]),
    library("TLSSession", ["COpenSSL", "COpenSSLMemory", "Detection", "MeshModel", "PeerProtocol"]),
]

let talks: [Target] = [
    library("Discovery", ["Authorization", "MeshModel", "Routing"]),
    library("Identity", ["LinuxSystem", "MeshModel", "TLSSession"]),
    library("ResourceDocuments", ["Bytes", "CYAML", "HTTPCodec", "LinuxSystem", "MeshModel", "Patterns"]),
    library("ControlAPI", ["Bytes", "MeshModel", "ResourceDocuments"]),
    library(
        "ControlLink",
        [
            "Bytes", "ControlAPI", "HTTPCodec", "Identity", "LinuxSystem", "MeshModel", "NameResolution",
            "PeerProtocol", "Reactor", "TLSSession",
        ]),
    library("EnvoyImport", ["ResourceDocuments", "MeshModel", "Patterns"]),
    library("CertificateAuthority", ["LinuxSystem", "MeshModel", x509, crypto, asn1]),
    library(
        "ControlStore",
        ["LinuxSystem", "MeshModel", httpClient, nio, nioFoundation, nioHTTP, nioPosix, nioSSL, sqlite]),
]

let wholes: [Target] = [
    library(
        "DataPlane",
        [
            "Authorization", "Bytes", "ConnectionStates", "Detection", "Discovery", "HTTP2Codec", "HTTPCodec",
            "LinuxSystem", "MeshModel", "PeerProtocol", "Reactor", "Routing", "TLSSession", "Telemetry",
        ]),
    library("AdminServer", ["Bytes", "HTTPCodec", "LinuxSystem", "MeshModel", "Reactor"]),
    library(
        "ProxyControl",
        [
            "AdminServer", "Bytes", "CommandLine", "ConnectionStates", "ControlAPI", "ControlLink", "DataPlane",
            "Discovery", "ResourceDocuments",
            "HTTPCodec", "Identity",
            "LinuxSystem", "MeshModel", "NameResolution", "NameServing", "Reactor", "Routing", "TLSSession",
            "Telemetry",
        ]),
    library(
        "CaptureControl",
        ["Bytes", "CommandLine", "ResourceDocuments", "LinuxSystem", "MeshModel", "Netlink", "Redirection"]),
]

func program(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

// The control plane; no proxy links it.
let control: [Target] = [
    library(
        "ControlPlane",
        [
            "Authorization", "Bytes", "CertificateAuthority", "ControlAPI", "ControlStore", "HTTPCodec", "LinuxSystem",
            "MeshModel", "ResourceDocuments", "Routing", crypto,
        ]),
    library(
        "ControlServer",
        [
            "Bytes", "CertificateAuthority", "CommandLine", "ControlAPI", "ControlPlane", "ControlStore", "HTTPCodec",
            "LinuxSystem", "MeshModel", "ResourceDocuments", hummingbird, hummingbirdCore, httpTypes, logging, nio,
            nioPosix, nioSSL,
            serviceLifecycle,
        ]),
]

let programs: [Target] = [
    program("weft-init", ["CaptureControl", "LinuxSystem"]),
    program("weft-proxy", ["LinuxSystem", "ProxyControl"]),
    program("weft-control", ["ControlServer"]),
    program(
        "weft",
        [
            "Bytes", "CertificateAuthority", "ControlAPI", "EnvoyImport", "LinuxSystem", "MeshModel",
            "ResourceDocuments", arguments, httpClient, nio, nioHTTP, nioPosix, nioSSL,
        ]),
]

// Helpers of tests; no program links them.
let side: [Target] = [
    library("MeshTesting", ["MeshModel", crypto, cryptoExtras], settings: common),
    .executableTarget(name: "lab-tool", swiftSettings: common),
    // Writes to a store until it is killed.
    .executableTarget(
        name: "store-tool", dependencies: ["ControlStore"], path: "Tests/ControlStoreTests/Tool", swiftSettings: common),
    // The parsers with what each promises, for the fuzzer and for the replay of its corpora.
    .target(
        name: "FuzzTargets",
        dependencies: [
            "CommandLine", "ControlAPI", "ResourceDocuments", "Detection", "EnvoyImport", "HTTP2Codec", "HTTPCodec",
            "MeshModel", "NameServing", "PeerProtocol", "Redirection", "TLSSession",
        ], path: "Tests/Fuzz/Targets", swiftSettings: common),
]

let tested: [Target] = [
    tests(
        "CertificateAuthorityTests",
        ["CertificateAuthority", "LinuxSystem", "MeshModel", "MeshTesting", asn1, crypto, x509]),
    tests("ControlStoreTests", ["ControlStore", "LinuxSystem", "MeshModel", "MeshTesting"], exclude: ["Tool"]),
    tests("CaptureTests", ["MeshModel", "MeshTesting", "Redirection"]),
    tests("LinuxSystemTests", ["LinuxSystem", "MeshModel"]),
    tests("ContainerTests", ["MeshTesting"]),
    tests("ProxyTests", ["MeshModel", "MeshTesting", "PeerProtocol"], exclude: ["Programs"]),
    tests("RedirectionTests", ["MeshModel", "MeshTesting", "Redirection"], exclude: ["Golden"]),
    tests(
        "TLSSessionTests",
        [
            "COpenSSL", "COpenSSLMemory", "CertificateAuthority", "MeshModel", "MeshTesting", "PeerProtocol",
            "TLSSession",
        ]),
    tests("StyleTests", ["LinuxSystem", "MeshTesting", "weft", "weft-init", "weft-proxy"]),
    tests("DocumentationTests", ["MeshModel", "MeshTesting", "Telemetry"]),
    tests("FuzzReplayTests", ["FuzzTargets", "MeshTesting"]),
    tests("IdentityTests", ["Identity", "LinuxSystem", "MeshModel", "MeshTesting", "TLSSession"]),
    tests("WeftCommandTests", ["LinuxSystem", "MeshModel", "MeshTesting", "weft", "weft-control", "weft-proxy"]),
    tests("BytesTests", ["Bytes", "MeshTesting"]),
    tests("DetectionTests", ["Detection", "MeshModel", "MeshTesting"]),
    tests("PeerProtocolTests", ["MeshModel", "MeshTesting", "PeerProtocol"]),
    tests("ConnectionStatesTests", ["ConnectionStates", "MeshModel", "MeshTesting"]),
    tests("RoutingTests", ["HTTPCodec", "MeshModel", "MeshTesting", "Patterns", "Routing"]),
    tests("AuthorizationTests", ["Authorization", "HTTPCodec", "MeshModel", "MeshTesting"]),
    tests("PatternsTests", ["MeshTesting", "Patterns"]),
    tests("DiscoveryTests", ["Discovery", "HTTPCodec", "MeshModel", "Routing"]),
    tests("TelemetryTests", ["MeshModel", "Telemetry"]),
    tests("HTTPCodecTests", ["HTTPCodec", "MeshModel", "MeshTesting"]),
    tests("HTTP2CodecTests", ["HTTP2Codec", "HTTPCodec", "MeshModel"]),
    tests(
        "CommandLineTests",
        ["CaptureControl", "CommandLine", "LinuxSystem", "MeshModel", "MeshTesting", "ProxyControl"]),
    tests(
        "EnvoyImportTests", ["ResourceDocuments", "EnvoyImport", "MeshModel", "MeshTesting", "Patterns"],
        exclude: ["Golden"]),
    tests(
        "ControlPlaneTests",
        [
            "Bytes", "CertificateAuthority", "ControlAPI", "ControlPlane", "ControlStore", "LinuxSystem", "MeshModel",
            "MeshTesting", "ResourceDocuments",
        ]),
    tests("ControlTests", ["MeshTesting"], exclude: ["Programs"]),
    tests("ControlAPITests", ["ControlAPI", "MeshModel"]),
    tests(
        "ControlLinkTests",
        [
            "Bytes", "ControlAPI", "ControlLink", "Identity", "LinuxSystem", "MeshModel", "MeshTesting", "TLSSession",
        ]),
    tests("ResourceDocumentsTests", ["ResourceDocuments", "MeshModel", "MeshTesting"]),
    tests("NameResolutionTests", ["LinuxSystem", "MeshModel", "MeshTesting", "NameResolution", "Reactor"]),
    tests("NameServingTests", ["LinuxSystem", "MeshModel", "MeshTesting", "NameServing", "Reactor"]),
    tests("ReactorTests", ["LinuxSystem", "MeshModel", "MeshTesting", "Reactor"]),
    tests("MeshModelTests", ["MeshModel", "MeshTesting"]),
]

// `make bench` and `make bench-control`; nobody else needs them built.
let benchmarks: [Target] =
    ProcessInfo.processInfo.environment["WEFT_BENCHMARKS"] == nil
    ? []
    : [
        .target(
            name: "BenchmarkShared", dependencies: ["CommandLine", "MeshModel"], path: "Sources/Benchmarks/Shared",
            swiftSettings: common),
        .executableTarget(
            name: "weft-benchmark", dependencies: ["BenchmarkShared", "CommandLine", "LinuxSystem", "MeshModel"],
            path: "Sources/Benchmarks", exclude: ["Configurations", "Control", "Shared"], swiftSettings: common),
        .executableTarget(
            name: "weft-control-benchmark",
            dependencies: [
                "BenchmarkShared", "CommandLine", "ControlAPI", "ControlLink", "Identity", "LinuxSystem", "MeshModel",
                "Reactor", "TLSSession",
            ], path: "Sources/Benchmarks/Control", swiftSettings: common),
    ]

let package = Package(
    name: "weft",
    // For `make fuzz`, which links the fuzzer's own main.
    products: [.library(name: "weft-fuzz", type: .static, targets: ["FuzzTargets"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: cEdge + words + pure + machine + talks + wholes + control + programs + side + tested + benchmarks
)
