public import CoreTypes

/// Addresses that the edge does not listen to; met before layer 1. An immutable snapshot.
public struct BanList: Sendable, Equatable {
    /// When each ends, in milliseconds since 1970; nil: when it is lifted. By the address, of IPv6 by its /64.
    private let ends: [IPAddress: Int64?]

    public init(_ bans: [(address: IPAddress, until: Int64?)] = []) {
        ends = bans.reduce(into: [:]) { ends, ban in
            let key = ban.address.rateKey
            guard case .some(let other) = ends[key] else {
                ends[key] = .some(ban.until)
                return
            }
            // Of two in one /64 the longer one counts.
            ends[key] = .some(other.flatMap { other in ban.until.map { max(other, $0) } })
        }
    }

    public var isEmpty: Bool { ends.isEmpty }

    /// - Parameter now: milliseconds since 1970.
    public func holds(_ address: IPAddress, at now: Int64) -> Bool {
        guard !ends.isEmpty, let end = ends[address.rateKey] else { return false }
        return end.map { $0 > now } ?? true
    }

    /// How many have not ended.
    public func count(at now: Int64) -> Int {
        ends.values.count { end in end.map { $0 > now } ?? true }
    }
}
