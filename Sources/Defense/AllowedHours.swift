public import CoreTypes

/// When calls may be placed. Without a window that applies to an organization, it may call at any time.
public struct AllowedHours: Sendable, Hashable {
    public struct Window: Sendable, Hashable, OrganizationRule {
        /// A pattern for the allowlist's tag; nil: for those that no other window names.
        public var organization: String?
        public var zone: ZoneOffsets
        /// On which it begins; 0 is Sunday.
        public var days: Set<Int>
        /// The first minute of the day, 0...1439.
        public var from: Int
        /// The minute that it ends before, 1...1440; not above `from`: on the next day.
        public var to: Int

        public init(organization: String? = nil, zone: ZoneOffsets, days: Set<Int>, from: Int, to: Int) {
            self.organization = organization
            self.zone = zone
            self.days = days
            self.from = from
            self.to = to
        }

        func contains(_ wall: Int64) -> Bool {
            let time = zone.civilTime(at: wall)
            let minute = time.hour * 60 + time.minute
            let isToday = days.contains(time.weekday)
            guard to <= from else { return isToday && (from..<to).contains(minute) }
            let beganYesterday = days.contains((time.weekday + 6) % 7)
            return isToday && minute >= from || beganYesterday && minute < to
        }
    }

    public var windows: [Window]

    public init(_ windows: [Window] = []) {
        self.windows = windows
    }

    public func allow(_ organization: String?, at now: Moment) -> Bool {
        let own = windows.applying(to: organization)
        return own.isEmpty || own.contains { $0.contains(now.wall) }
    }
}
