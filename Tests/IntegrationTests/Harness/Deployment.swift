import Foundation
import TestSupport

/// The files of `deploy/`, which tests run as they are shipped but for addresses, paths and intervals.
enum Deployment {
    static func path(_ name: String) -> String { PeerProgram.repository + "/deploy/" + name }

    /// - Parameter changes: what is put in place of what; each must be there.
    static func text(_ name: String, changing changes: [String: String] = [:]) throws -> String {
        var text = try String(contentsOfFile: path(name), encoding: .utf8)
        for (old, new) in changes {
            guard text.contains(old) else { throw Failure("deploy/\(name) has no \(old)") }
            text = text.replacing(old, with: new)
        }
        return text
    }
}
