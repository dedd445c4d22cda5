internal import CoreTypes
internal import Perimeter

/// What a rule of the kernel asks of a packet. All that is set has to hold.
struct Conditions: Hashable, Sendable {
    struct Limit: Hashable, Sendable {
        var rate: Int
        /// `second`, `minute`, …
        var per: String
        var burst: Int
    }

    /// Of conntrack, by the kernel's numbers.
    enum State: Int, Hashable, Sendable {
        case invalid = 1
        case established = 2
        case related = 4

        var word: String { "\(self)" }
    }

    /// The name of the one that the packet came in by.
    var interface: String?
    var states: Set<State> = []
    var family: IPAddress.Family?
    /// A named set that the source is in.
    var sourceSet: String?
    /// Of one family, sorted, neither overlapping nor side by side, which nft would make one; empty: every source.
    var sources: [IPNetwork] = []
    /// Empty: every one.
    var protocols: [TransportProtocol] = []
    /// Sorted; empty: all.
    var ports: [PortRange] = []
    /// Types of ICMP, sorted; empty: all.
    var types: [UInt8] = []
    var code: UInt8?
    var hopLimit: UInt8?
    var limit: Limit?
    /// Whether there is more that was not understood.
    var hasMore = false

    /// Whether `rules` say all that it asks for.
    var areRules: Bool {
        interface == nil && states.isEmpty && sourceSet == nil && hopLimit == nil && limit == nil && !hasMore
            && (code == nil || types.count == 1)
            && (ports.isEmpty || !protocols.isEmpty && protocols.allSatisfy(\.hasPorts))
            && (types.isEmpty || protocols.count == 1)
    }

    /// What gets past at most; where `areRules`, exactly that.
    var rules: [Rule] {
        let from: [Source]
        if !sources.isEmpty {
            from = sources.map { .network($0) }
        } else {
            from = Source.anywhere.filter { source in
                guard let family, case .network(let network) = source else { return true }
                return network.address.family == family
            }
        }
        return (protocols.isEmpty ? [.all] : protocols).flatMap { transport in
            ranges(of: transport).flatMap { ports in
                from.map { Rule(protocol: transport, ports: ports, source: $0) }
            }
        }
    }

    private func ranges(of transport: TransportProtocol) -> [PortRange] {
        if transport.hasMessages, !types.isEmpty {
            return types.compactMap { PortRange(icmpType: Int($0), code: code.map { Int($0) } ?? -1) }
        }
        return transport.hasPorts && !ports.isEmpty ? ports : [.all]
    }
}

extension Conditions {
    /// In nft's words; empty where nothing is asked.
    var text: String {
        var words: [String] = []
        if let interface { words.append("iifname \"\(interface)\"") }
        if !states.isEmpty {
            words.append("ct state " + states.sorted { $0.rawValue < $1.rawValue }.map(\.word).joined(separator: ","))
        }
        words += sourceWords
        words += protocolWords
        if let hopLimit { words.append("ip6 hoplimit \(hopLimit)") }
        if let limit { words.append("limit rate \(limit.rate)/\(limit.per) burst \(limit.burst) packets") }
        return words.joined(separator: " ")
    }

    private var sourceWords: [String] {
        let header = family == .v6 ? "ip6" : "ip"
        if let sourceSet { return ["\(header) saddr @\(sourceSet)"] }
        if !sources.isEmpty { return ["\(header) saddr \(Self.list(sources.map(\.description)))"] }
        // Implied by what follows.
        guard let family, !(protocols == [.icmp] && family == .v4 && !types.isEmpty),
            !(protocols == [.icmpv6] && family == .v6 && !types.isEmpty)
        else { return [] }
        // nft lists 'meta nfproto ipv4 meta l4proto icmp' without its first half, as if that went without saying.
        if types.isEmpty, protocols == [.icmp] || protocols == [.icmpv6] {
            return [family == .v4 ? "ip saddr 0.0.0.0/0" : "ip6 saddr ::/0"]
        }
        return ["meta nfproto \(family == .v4 ? "ipv4" : "ipv6")"]
    }

    private var protocolWords: [String] {
        guard let transport = protocols.first else { return [] }
        if !types.isEmpty {
            let isItsFamily = (transport == .icmp) == (family != .v6)
            // nft has no words for ICMP within the other family, which only the numbers of the octets can say.
            guard isItsFamily else {
                let number = transport.number.map { "\($0)" } ?? "0"
                return ["meta l4proto \(number)", "@th,0,8 \(Self.list(types.map { "\($0)" }))"]
                    + (code.map { ["@th,8,8 \($0)"] } ?? [])
            }
            return ["\(transport) type \(Self.list(types.map { "\($0)" }))"]
                + (code.map { ["\(transport) code \($0)"] } ?? [])
        }
        guard !ports.isEmpty, transport.hasPorts else {
            return ["meta l4proto \(Self.list(protocols.map { $0.number.map { "\($0)" } ?? "0" }))"]
        }
        return ["\(transport) dport \(Self.list(ports.map(\.description)))"]
    }

    private static func list(_ words: [String]) -> String {
        words.count == 1 ? words[0] : "{ \(words.joined(separator: ", ")) }"
    }
}
