public import CoreTypes

extension Configuration {
    /// Networks whose addresses are never banned: `bans.never_ban`, and the edge's own addresses.
    public var neverBanned: [IPNetwork] {
        let own =
            TransportKind.allCases.compactMap { advertise[$0]?.host }.compactMap { IPAddress($0) }
            + listeners.map(\.address.address) + [control.listen.address]
        return bans.neverBan
            + own.filter { !$0.isUnspecified }.compactMap {
                IPNetwork($0, prefixLength: $0.family == .v4 ? 32 : 128)
            }
    }
}
