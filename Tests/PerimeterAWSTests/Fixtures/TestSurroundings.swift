import Foundation
import Synchronization

@testable import PerimeterAWS

/// Surroundings without what the real process has: no variables but those that are given, a home of its own, pauses that
/// are noted instead of made.
final class TestSurroundings: Sendable {
    private let made = Mutex<[Duration]>([])
    let home: String

    init() throws {
        home = FileManager.default.temporaryDirectory.appendingPathComponent("home-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: home + "/.aws", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: home) }

    var pauses: [Duration] { made.withLock { $0 } }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(home)/.aws/\(name)"))
    }

    /// - Parameters:
    ///   - clock: by how much this host's clock is ahead of the real one, in milliseconds.
    ///   - random: what each throw of the dice gives.
    func surroundings(
        _ environment: [String: String] = [:], clock: Int64 = 0, random: Double = 0.5
    ) -> Surroundings {
        Surroundings(
            // Nobody but the machine that the tests run on could answer at the usual address.
            environment: ["AWS_EC2_METADATA_DISABLED": "true"].merging(environment) { $1 }, home: home,
            now: { Int64(Date().timeIntervalSince1970 * 1000) + clock }, random: { random },
            pause: { [self] pause in made.withLock { $0.append(pause) } })
    }

    static let keys = ["AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret"]
}

extension AWSClient {
    /// Runs with a client, and closes it.
    static func with<Result>(
        _ settings: AWSSettings, patience: Duration = .seconds(30), largest: Int = 32 << 20,
        _ run: (AWSClient) async throws -> Result
    ) async throws -> Result {
        let client = AWSClient(settings, patience: patience, largest: largest)
        do {
            let result = try await run(client)
            try await client.close()
            return result
        } catch {
            try await client.close()
            throw error
        }
    }
}
