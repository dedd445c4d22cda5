internal import CoreTypes

/// A server of a service (RFC 2782).
public struct SRVRecord: Hashable, Sendable {
    public var priority: UInt16
    public var weight: UInt16
    public var port: UInt16
    /// A host name; "." or nothing: the service is not to be had here.
    public var target: String

    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }

    var isRefusal: Bool { target == "." || target.isEmpty }

    /// By priority, the first to be tried first; as they came within one.
    static func groups(_ records: [SRVRecord]) -> [[SRVRecord]] {
        Dictionary(grouping: records, by: \.priority).sorted { $0.key < $1.key }.map(\.value)
    }

    /// Servers of one priority in an order drawn by their weights: each next one with the chance that its weight has
    /// among those that are left.
    static func drawn(_ records: [SRVRecord], using random: inout some RandomNumberGenerator) -> [SRVRecord] {
        // Those without a weight stand in front, so that a draw of 0 gives them their small chance.
        var left = records.filter { $0.weight == 0 } + records.filter { $0.weight > 0 }
        var order: [SRVRecord] = []
        while left.count > 1 {
            let total = left.reduce(0) { $0 + Int($1.weight) }
            let mark = Int.random(in: 0...total, using: &random)
            var sum = 0
            let index = left.firstIndex { record in
                sum += Int(record.weight)
                return sum >= mark
            }
            order.append(left.remove(at: index ?? 0))
        }
        return order + left
    }
}

/// Which transports a domain offers, in which order (RFC 3403, as RFC 3263 section 4.1 uses it).
public struct NAPTRRecord: Hashable, Sendable {
    public var order: UInt16
    public var preference: UInt16
    public var flags: String
    public var service: String
    public var regexp: String
    /// The name to look up next.
    public var replacement: String

    public init(
        order: UInt16, preference: UInt16, flags: String, service: String, regexp: String = "", replacement: String
    ) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.regexp = regexp
        self.replacement = replacement
    }

    /// Whether it speaks of SIP, by whatever transport, in the form of RFC 3263. Others (ENUM's, with a regular
    /// expression) mean something else and hinder nothing.
    var isForSIP: Bool {
        let service = service.uppercased()
        return regexp.isEmpty && flags.lowercased() == "s" && replacement != "." && !replacement.isEmpty
            && (service.hasPrefix("SIP+") || service.hasPrefix("SIPS+"))
    }

    /// Nil for one that is not spoken here.
    var transport: TransportKind? {
        switch service.uppercased() {
        case "SIP+D2U": .udp
        case "SIP+D2T": .tcp
        case "SIPS+D2T": .tls
        default: nil
        }
    }
}
