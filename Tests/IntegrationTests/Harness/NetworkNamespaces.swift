import Foundation
import TestSupport

/// Two network namespaces with a cable between them: a host, and the world outside of it. Gone with the test.
final class NetworkNamespaces: Sendable {
    static let host = "192.0.2.1"
    static let hostIPv6 = "2001:db8::1"
    static let stranger = "192.0.2.2"
    static let otherStranger = "192.0.2.3"

    private static let prefix = "sallyport-test-"
    private let inner: String
    private let outer: String

    /// Whether this machine lets the tests make them.
    static let arePossible: Bool = PeerProgram.ip.isInstalled && (try? NetworkNamespaces()) != nil

    init() throws {
        try Self.sweep()
        let name = String(UUID().uuidString.prefix(8))
        let base = "\(Self.prefix)\(getpid())-\(name)"
        (inner, outer) = (base + "-host", base + "-world")
        do {
            for namespace in [inner, outer] {
                try Self.ip("netns", "add", namespace)
                try Self.ip("-n", namespace, "link", "set", "lo", "up")
            }
            try Self.ip(
                "link", "add", "sp\(name)h", "netns", inner, "type", "veth", "peer", "name", "sp\(name)w", "netns",
                outer)
            let addresses = [
                (inner, "sp\(name)h", Self.host + "/24"), (inner, "sp\(name)h", Self.hostIPv6 + "/64"),
                (outer, "sp\(name)w", Self.stranger + "/24"), (outer, "sp\(name)w", Self.otherStranger + "/24"),
                (outer, "sp\(name)w", "2001:db8::2/64"),
            ]
            for (namespace, link, address) in addresses {
                // IPv6 addresses are good at once, instead of after a look whether somebody else has them.
                let more = address.contains(":") ? ["nodad"] : []
                try Self.ip(["-n", namespace, "address", "add", address, "dev", link] + more)
            }
            try Self.ip("-n", inner, "link", "set", "sp\(name)h", "up")
            try Self.ip("-n", outer, "link", "set", "sp\(name)w", "up")
        } catch {
            remove()
            throw error
        }
    }

    deinit { remove() }

    private func remove() {
        for namespace in [inner, outer] { _ = try? Self.ip("netns", "delete", namespace) }
    }

    /// What becomes a program on the host, or outside of it.
    var onHost: [String] { launcher(inner) }
    var outside: [String] { launcher(outer) }

    private func launcher(_ namespace: String) -> [String] {
        [PeerProgram.ip.path ?? "ip", "netns", "exec", namespace]
    }

    /// Those of tests that were killed.
    private static func sweep() throws {
        for line in try ip("netns", "list").split(separator: "\n") where line.hasPrefix(prefix) {
            let name = line.prefix { !$0.isWhitespace }
            let process = name.dropFirst(prefix.count).prefix { $0 != "-" }
            if !FileManager.default.fileExists(atPath: "/proc/\(process)") {
                _ = try? ip("netns", "delete", String(name))
            }
        }
    }

    @discardableResult
    private static func ip(_ arguments: String...) throws -> String { try ip(arguments) }

    @discardableResult
    private static func ip(_ arguments: [String]) throws -> String {
        let outcome = try Child.run(try PeerProgram.ip.require(), arguments, in: "/")
        guard outcome.code == 0 else { throw Failure("ip \(arguments.joined(separator: " ")): \(outcome.errors)") }
        return outcome.output
    }
}
