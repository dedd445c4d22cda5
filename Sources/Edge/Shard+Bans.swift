import CoreTypes
import Defense
import Registry
import Telemetry

/// Bans take effect here; the registry says what they are.
extension Shard {
    func replace(bans: BanList) {
        self.bans = bans
    }

    /// Whether a packet is dropped for where it comes from, whatever it is: nothing is answered.
    func isBanned(_ source: IPAddress, now: Moment) -> Bool {
        guard !bans.isEmpty, bans.holds(source, at: now.wall) else { return false }
        hot.dropped(.banned)
        return true
    }

    /// The lead's: what has been added and lifted since the registry was last read.
    func bansLoaded(_ snapshot: RegistrySnapshot) {
        let now = clock()
        let bans = Dictionary(snapshot.bans.map { ($0.address, $0) }) { first, _ in first }
        for ban in snapshot.bans where knownBans[ban.address] != ban {
            metrics.increment(EdgeMetrics.bansTotal, [ban.jail ?? "manual"])
            record(SecurityEvent(.banAdded, .warning, sourceIP: ban.address, details: ban.details), now: now)
        }
        for (address, ban) in knownBans where bans[address] == nil {
            recordLifted(ban, now: now)
        }
        knownBans = bans
    }

    /// Those that end by themselves; to be called once a second.
    func endBans(now: Moment) {
        for (address, ban) in knownBans where ban.until.map({ $0 <= now.wall }) ?? false {
            knownBans[address] = nil
            recordLifted(ban, now: now)
        }
    }

    private func recordLifted(_ ban: Ban, now: Moment) {
        let hasEnded = ban.until.map { $0 <= now.wall } ?? false
        record(
            SecurityEvent(
                .banLifted, .notice, sourceIP: ban.address,
                details: [.init("cause", .string(hasEnded ? "ended" : "lifted"))] + ban.details), now: now)
    }
}

extension Ban {
    fileprivate var details: [SecurityEvent.Detail] {
        var details: [SecurityEvent.Detail] = [.init("reason", .string(reason)), .init("by", .string(actor))]
        if let jail { details.append(.init("jail", .string(jail))) }
        if let until {
            details.append(.init("until", .string(CivilTime(millisecondsSince1970: until).rfc3339)))
        }
        return details
    }
}
