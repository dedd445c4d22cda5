internal import Foundation

/// What the AWS backend needs of the process it runs in. Tests give their own.
public struct Surroundings: Sendable {
    public var environment: [String: String]
    /// The operator's home directory, for `~/.aws`.
    public var home: String
    /// Milliseconds since 1970.
    public var now: @Sendable () -> Int64
    /// From 0 up to but not 1; spreads retries.
    public var random: @Sendable () -> Double
    public var pause: @Sendable (Duration) async throws -> Void

    public init(
        environment: [String: String], home: String, now: @escaping @Sendable () -> Int64,
        random: @escaping @Sendable () -> Double, pause: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.environment = environment
        self.home = home
        self.now = now
        self.random = random
        self.pause = pause
    }

    public static var ofThisProcess: Surroundings {
        Surroundings(
            environment: ProcessInfo.processInfo.environment,
            home: ProcessInfo.processInfo.environment["HOME"] ?? NSHomeDirectory(),
            now: { Int64(Date().timeIntervalSince1970 * 1000) },
            random: { Double.random(in: 0..<1) },
            pause: { try await Task.sleep(for: $0) })
    }

    /// The value of a variable; nil when it is not set or empty.
    func variable(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
