import TestSupport
import Testing

/// The edge as its users meet it: the built program, real peers, real sockets on loopback. One test at a time, since
/// several load both processors.
@Suite("Integration", .serialized)
enum Integration {}

extension Trait where Self == ConditionTrait {
    /// Skips, visibly, what needs a program of the release build.
    static func needsRelease(of name: String) -> Self {
        .enabled(
            if: Program.released(name) != nil,
            "there is no release build: swift build -c release --product \(name)")
    }

    /// Skips, visibly, what needs a program that is not installed.
    static func needs(_ peers: PeerProgram...) -> Self {
        let missing = peers.filter { !$0.isInstalled }
        return .enabled(if: missing.isEmpty, "\(missing.map(\.howToGetIt).joined(separator: "; "))")
    }
}
