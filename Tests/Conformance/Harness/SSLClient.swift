import Foundation
import TestSupport
import Testing

/// What `openssl s_client` has to say about a handshake.
enum SSLClient {
    static let isThere: ConditionTrait = .enabled(if: Authority.isThere, "openssl is not installed")

    static func handshake(_ lab: Laboratory, _ options: [String]) async throws -> (succeeds: Bool, output: String) {
        let client = try ChildProcess(
            "openssl-\(UUID().uuidString)", Authority.openssl,
            [
                "s_client", "-connect", "\(try lab.address(.tls))", "-CAfile", "tls/ca.pem", "-verify_return_error",
                "-brief",
            ] + options, in: lab.edge.program.directory)
        let code = try await client.ends()
        return (code == 0, client.output)
    }
}
