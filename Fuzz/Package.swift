// swift-tools-version: 6.1
import PackageDescription

// A package of its own, since every module under test must be built with coverage and sanitizers. The rooms are links to
// those of the main package; the properties are a target of the main package too, whose tests run the kept cases.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(
            name: "CoreTypes", dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(name: "SIPMessage", dependencies: ["CoreTypes"], swiftSettings: settings),
        .target(
            name: "SettingsFile", dependencies: ["CoreTypes", .product(name: "Yams", package: "Yams")],
            swiftSettings: settings),
        .target(
            name: "SallyportConfiguration", dependencies: ["CoreTypes", "SettingsFile"], swiftSettings: settings),
        .target(
            name: "FuzzProperties",
            dependencies: ["CoreTypes", "SIPMessage", "SettingsFile", "SallyportConfiguration"],
            swiftSettings: settings),
        // libFuzzer's runtime brings the main function.
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzProperties"],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]),
    ]
)
