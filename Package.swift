// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
]

extension Target.Dependency {
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioTestUtils = product(name: "NIOTestUtils", package: "swift-nio")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let swiftASN1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let logging = product(name: "Logging", package: "swift-log")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdHTTP2 = product(name: "HummingbirdHTTP2", package: "hummingbird")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let xmlCoder = product(name: "XMLCoder", package: "XMLCoder")
    static let yams = product(name: "Yams", package: "Yams")
}

/// In debug builds, too.
let optimized = SwiftSetting.unsafeFlags(["-O"], .when(configuration: .debug))

func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

/// A room on the way of every packet. Optimized in debug builds too, so that the tests can load the edge with calls at
/// the rates that they promise.
func hotRoom(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: dependencies,
        swiftSettings: strict + [
            optimized,
            // Generic code of one room is specialized in the others.
            // Tests run with dynamic exclusivity checks; a release build does without what only our own mistakes can meet.
            .unsafeFlags(
                ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
        ])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

// Rooms from the ground up: a room imports only what stands above it here.
let rooms: [Target] = [
    hotRoom("CoreTypes", [.crypto]),
    hotRoom("SIPMessage", ["CoreTypes"]),
    hotRoom("SIPTransaction", ["CoreTypes", "SIPMessage"]),
    hotRoom("SIPProxy", ["CoreTypes", "SIPMessage"]),
    hotRoom("Defense", ["CoreTypes", "SIPMessage", .crypto, .cryptoExtras]),
    room("SettingsFile", ["CoreTypes", .yams]),
    room("SallyportConfiguration", ["CoreTypes", "SettingsFile"]),
    // Its tests compare it with brute force.
    room("Perimeter", ["CoreTypes", "SettingsFile", .crypto], settings: [optimized]),
    hotRoom("Telemetry"),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    hotRoom("Witness", ["CoreTypes", "CZlib", .crypto]),
    room(
        "WitnessForwarding",
        [
            "CoreTypes", "Telemetry", "Witness", .nioCore, .nioPosix, .nioTLS, .nioSSL, .nioHTTP1, .asyncHTTPClient,
            .logging, .serviceLifecycle,
        ]),
    room("PerimeterProbe", ["CoreTypes", "Perimeter", .nioCore, .nioPosix]),
    room("PerimeterAWS", ["CoreTypes", "Perimeter", .nioCore, .nioHTTP1, .crypto, .asyncHTTPClient, .xmlCoder]),
    room("PerimeterNFTables", ["CoreTypes", "Perimeter"]),
    room("Registry", ["CoreTypes", .crypto, .cryptoExtras, .grdb]),
    room("TransportSecurity", ["CoreTypes", .nioCore, .nioSSL, .crypto, .cryptoExtras, .x509, .swiftASN1]),
    .systemLibrary(
        name: "CAres", path: "Sources/CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
    .target(name: "CDatagrams", cSettings: [.unsafeFlags(["-O2"])]),
    hotRoom(
        "Transport",
        [
            "CDatagrams", "CoreTypes", "SIPMessage", "SIPProxy", "TransportSecurity", "CAres", .nioCore, .nioPosix,
            .nioSSL,
        ]),
    hotRoom(
        "Edge",
        [
            "CoreTypes", "SIPMessage", "SIPTransaction", "SIPProxy", "Defense", "SallyportConfiguration", "Telemetry",
            "Witness", "Registry", "TransportSecurity", "Transport", .nioCore, .nioPosix, .nioSSL, .logging,
            .nioHTTP1, .asyncHTTPClient,
        ]),
    room(
        "UserAgent",
        [
            "CoreTypes", "SIPMessage", "SIPProxy", "SIPTransaction", "Defense", "TransportSecurity", "Transport",
            .nioCore, .nioPosix, .crypto,
        ]),
    .target(name: "Console", resources: [.embedInCode("Page")], swiftSettings: strict),
    room(
        "ControlAPI",
        [
            "Console", "CoreTypes", "SallyportConfiguration", "Registry", "Witness", "TransportSecurity", "Defense",
            "Edge",
            .nioCore, .nioPosix, .nioTLS, .nioSSL, .nioHTTPTypes, .crypto, .logging, .serviceLifecycle, .httpTypes,
            .hummingbird, .hummingbirdCore, .hummingbirdHTTP2,
        ]),
    .executableTarget(
        name: "sallyport",
        dependencies: [
            "CoreTypes", "SIPMessage", "SallyportConfiguration", "Witness", "Registry", "TransportSecurity",
            "Transport", "UserAgent", "Edge", "ControlAPI", "Defense", "Telemetry", "WitnessForwarding", "Perimeter",
            "PerimeterAWS", "PerimeterNFTables", "PerimeterProbe", .nioCore, .nioPosix,
            .nioHTTP1, .nioSSL, .crypto, .unixSignals, .logging, .argumentParser, .serviceLifecycle, .asyncHTTPClient,
        ],
        swiftSettings: strict),
]

let testTargets: [Target] = [
    tests("CoreTypesTests", ["CoreTypes"]),
    .target(name: "TortureMessages", path: "Tests/TortureMessages", swiftSettings: strict),
    .target(
        name: "FuzzProperties", dependencies: ["CoreTypes", "SIPMessage", "SettingsFile", "SallyportConfiguration"],
        path: "Fuzz/Sources/FuzzProperties", swiftSettings: strict),
    tests("SIPMessageTests", ["CoreTypes", "SIPMessage", "TortureMessages", "FuzzProperties"]),
    tests("SIPTransactionTests", ["CoreTypes", "SIPTransaction"]),
    tests("SIPProxyTests", ["CoreTypes", "SIPMessage", "SIPProxy"]),
    tests("SallyportConfigurationTests", ["CoreTypes", "SettingsFile", "SallyportConfiguration"]),
    tests("PerimeterTests", ["CoreTypes", "SettingsFile", "Perimeter"]),
    tests("TelemetryTests", ["Telemetry"]),
    tests("WitnessTests", ["CoreTypes", "Witness", "TestSupport", .crypto]),
    tests(
        "WitnessForwardingTests",
        [
            "CoreTypes", "Witness", "WitnessForwarding", "Telemetry", "TransportSecurity", "TestSupport", .logging,
            .nioSSL,
            .nioPosix, .nioHTTP1,
        ]),
    tests("RegistryTests", ["CoreTypes", "Registry", .crypto, .grdb]),
    tests("PerimeterProbeTests", ["CoreTypes", "Perimeter", "PerimeterProbe", "TestSupport", .nioCore, .nioPosix]),
    tests("PerimeterAWSTests", ["CoreTypes", "Perimeter", "PerimeterAWS", "TestSupport"]),
    tests("PerimeterNFTablesTests", ["CoreTypes", "Perimeter", "PerimeterNFTables", "TestSupport"]),
    .target(
        name: "TestSupport", dependencies: ["CoreTypes", "Witness", .nioCore, .nioPosix], path: "Tests/TestSupport",
        swiftSettings: strict),
    tests("Differential", ["CoreTypes", "SIPMessage", "SIPProxy", "TestSupport", "TortureMessages"]),
    tests(
        "CommandTests",
        [
            "CoreTypes", "SIPMessage", "Witness", "Registry", "TransportSecurity", "UserAgent", "sallyport",
            "TestSupport",
        ]),
    tests(
        "EdgeTests",
        ["CoreTypes", "SIPMessage", "SallyportConfiguration", "Witness", "Registry", "Edge", .logging]),
    tests(
        "IntegrationTests",
        [
            "CoreTypes", "SIPMessage", "Transport", "TransportSecurity", "Witness", "UserAgent", "TestSupport",
            "sallyport", .nioCore, .nioPosix, .nioSSL, .grdb,
        ], exclude: ["Scenarios"]),
    .testTarget(
        name: "ConformanceTests",
        dependencies: [
            "CoreTypes", "SIPMessage", "Defense", "Witness", "TransportSecurity", "TestSupport", "TortureMessages",
            "sallyport", .nioCore, .nioPosix, .nioSSL,
        ], path: "Tests/Conformance", swiftSettings: strict),
    tests(
        "ControlAPITests",
        [
            "CoreTypes", "SallyportConfiguration", "Registry", "Witness", "TransportSecurity", "Edge", "ControlAPI",
            "TestSupport", .nioCore, .nioPosix, .nioTLS, .nioSSL, .logging, .serviceLifecycle,
        ]),
    tests(
        "TransportSecurityTests",
        [
            "CoreTypes", "TransportSecurity", "TestSupport", .nioCore, .nioPosix, .nioEmbedded, .nioSSL, .x509,
            .swiftASN1, .crypto,
        ]),
    tests(
        "TransportTests",
        [
            "CoreTypes", "SIPMessage", "SIPProxy", "TransportSecurity", "Transport", "TestSupport", .nioCore, .nioPosix,
            .nioEmbedded, .nioTestUtils, .nioSSL,
        ]),
    tests(
        "UserAgentTests",
        [
            "CoreTypes", "SIPMessage", "Defense", "TransportSecurity", "Transport", "UserAgent", .nioCore, .nioPosix,
            .nioSSL, .crypto,
        ]),
    tests("DefenseTests", ["CoreTypes", "SIPMessage", "Defense", .crypto]),
]

// Not for users: neither is a product.
let benchmarkTargets: [Target] = [
    .target(name: "CAllocations", path: "Benchmarks/micro/CAllocations", cSettings: [.unsafeFlags(["-fno-builtin"])]),
    .executableTarget(
        name: "microbenchmarks",
        dependencies: [
            "CAllocations", "CoreTypes", "SIPMessage", "SIPTransaction", "SIPProxy", "Defense", "Witness",
            .argumentParser,
        ], path: "Benchmarks/micro", exclude: ["CAllocations", "thresholds.json"], swiftSettings: strict),
]

let package = Package(
    name: "sallyport",
    products: [.executable(name: "sallyport", targets: ["sallyport"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/CoreOffice/XMLCoder", from: "0.18.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: rooms + testTargets + benchmarkTargets
)
