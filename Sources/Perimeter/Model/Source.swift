public import CoreTypes

/// Where a rule lets packets come from.
public enum Source: Hashable, Sendable {
    case network(IPNetwork)
    /// The members of a group, by its id or name.
    case group(String)
    /// The networks of a list that the cloud keeps, by its id.
    case prefixList(String)

    /// Both families.
    public static let anywhere = [IPNetwork.everyIPv4, .everyIPv6].compactMap { $0 }.map { Source.network($0) }

    /// Whether everybody from another source is from this one, as far as names alone tell.
    public func contains(_ other: Source) -> Bool {
        guard case .network(let mine) = self, case .network(let theirs) = other else { return self == other }
        return mine.prefixLength <= theirs.prefixLength && mine.contains(theirs.address)
    }

    /// Reads a network, `group:NAME` or `prefix-list:ID`.
    public init?(_ text: String) {
        if let name = text.afterPrefix("group:") {
            self = .group(name)
        } else if let id = text.afterPrefix("prefix-list:") {
            self = .prefixList(id)
        } else if let network = try? IPNetwork(parsing: text) {
            self = .network(network)
        } else {
            return nil
        }
    }
}

extension Source: CustomStringConvertible {
    public var description: String {
        switch self {
        case .network(let network): network.description
        case .group(let name): "group:\(name)"
        case .prefixList(let id): "prefix-list:\(id)"
        }
    }
}

extension Source: Comparable {
    public static func < (one: Source, other: Source) -> Bool { one.order < other.order }

    private var order: (Int, UInt64, UInt64, Int, String) {
        switch self {
        case .network(let network):
            (network.address.family == .v4 ? 0 : 1, network.address.high, network.address.low, network.prefixLength, "")
        case .group(let name): (2, 0, 0, 0, name)
        case .prefixList(let id): (3, 0, 0, 0, id)
        }
    }
}

extension Source: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let source = Source(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is no network, group:NAME or prefix-list:ID")
        }
        self = source
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension String {
    /// What follows a prefix; nil without it, or when nothing follows.
    func afterPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) && utf8.count > prefix.utf8.count ? String(dropFirst(prefix.count)) : nil
    }
}
