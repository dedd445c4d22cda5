import CoreTypes
import Foundation

extension ZoneOffsets {
    /// A named zone as the system's calendar knows it, for forty years from now on; nil when there is none of that name.
    init?(named name: String, now: Int64) {
        guard let zone = TimeZone(identifier: name) else { return nil }
        let year: Int64 = 366 * 86_400_000
        var changes: [Change] = []
        var time = Date(timeIntervalSince1970: Double(now - year) / 1000)
        let first = zone.secondsFromGMT(for: time)
        let end = Date(timeIntervalSince1970: Double(now + 40 * year) / 1000)
        while changes.count < 1000, let next = zone.nextDaylightSavingTimeTransition(after: time), next < end,
            next > time
        {
            changes.append(
                Change(
                    since: Int64((next.timeIntervalSince1970 * 1000).rounded()), seconds: zone.secondsFromGMT(for: next)
                ))
            time = next
        }
        self.init(name: name, first: first, changes: changes)
    }
}
