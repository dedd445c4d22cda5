public import CoreTypes

/// One allowlisted network (Kamailio's `address` row).
public struct AllowlistEntry: Sendable, Hashable {
    public var network: IPNetwork
    public var group: Int
    /// 0: any port.
    public var port: UInt16
    /// Nil: any transport.
    public var transport: TransportKind?
    /// The organization.
    public var tag: String

    public init(network: IPNetwork, group: Int, port: UInt16 = 0, transport: TransportKind? = nil, tag: String) {
        self.network = network
        self.group = group
        self.port = port
        self.transport = transport
        self.tag = tag
    }

    func admits(port: UInt16, transport: TransportKind) -> Bool {
        (self.port == 0 || self.port == port) && (self.transport == nil || self.transport == transport)
    }
}

/// Layer 2: the networks that may talk to the edge at all. An immutable snapshot; the longest prefix wins.
public struct Allowlist: Sendable {
    private struct Key: Hashable, Sendable {
        var address: IPAddress
        var group: Int
    }

    /// The prefix lengths in use, longest first, each with its networks.
    private var v4: [(length: Int, entries: [Key: [AllowlistEntry]])] = []
    private var v6: [(length: Int, entries: [Key: [AllowlistEntry]])] = []
    public let count: Int

    public init(_ entries: [AllowlistEntry] = []) {
        count = entries.count
        v4 = Self.table(entries.filter { $0.network.address.family == .v4 })
        v6 = Self.table(entries.filter { $0.network.address.family == .v6 })
    }

    private static func table(_ entries: [AllowlistEntry]) -> [(length: Int, entries: [Key: [AllowlistEntry]])] {
        Dictionary(grouping: entries, by: \.network.prefixLength)
            .map { length, entries in
                (length, Dictionary(grouping: entries) { Key(address: $0.network.address, group: $0.group) })
            }
            .sorted { $0.length > $1.length }
    }

    /// The entry with the longest prefix in this group that covers the address and admits port and transport.
    public func match(_ endpoint: Endpoint, transport: TransportKind, group: Int) -> AllowlistEntry? {
        for (length, entries) in endpoint.address.family == .v4 ? v4 : v6 {
            let key = Key(address: endpoint.address.masked(to: length), group: group)
            if let match = entries[key]?.first(where: { $0.admits(port: endpoint.port, transport: transport) }) {
                return match
            }
        }
        return nil
    }

    /// All entries that cover an address, longest prefix first; for `allow test`.
    public func covering(_ address: IPAddress) -> [AllowlistEntry] {
        (address.family == .v4 ? v4 : v6).flatMap { length, entries in
            entries.filter { $0.key.address == address.masked(to: length) }.flatMap(\.value)
        }
    }

    func examine(_ approach: Approach, group: Int, _ facts: inout PassageFacts) -> Verdict {
        guard let entry = match(approach.source, transport: approach.transport, group: group) else {
            return .refuse(
                Refusal(
                    .allowlist, .notAllowlisted, answer: .init(403, "IP Not Allowlisted"),
                    event: approach.draft(.ipNotAllowlisted, .warning, .group(group))))
        }
        facts.organization = .init(tag: entry.tag, group: entry.group)
        return .pass
    }
}
