// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

// A package of its own: it depends on nothing but the C library, Foundation and OpenSSL, and is always built for release.
let package = Package(
    name: "benchmarks",
    targets: [
        .target(
            name: "CLoad", path: "side-by-side/CLoad",
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .executableTarget(
            name: "load", dependencies: ["CLoad"], path: "side-by-side/load",
            swiftSettings: settings + [.unsafeFlags(["-Ounchecked", "-enforce-exclusivity=unchecked"])]),
        .executableTarget(
            name: "side-by-side", path: "side-by-side/runner", swiftSettings: settings),
    ]
)
