/// How far a time zone is from UTC, now and later, as a value: so that rules about hours need no calendar.
public struct ZoneOffsets: Sendable, Hashable {
    public struct Change: Sendable, Hashable {
        /// Milliseconds since 1970.
        public var since: Int64
        /// East of Greenwich.
        public var seconds: Int

        public init(since: Int64, seconds: Int) {
            self.since = since
            self.seconds = seconds
        }
    }

    /// Such as `Europe/Berlin`.
    public let name: String
    private let first: Int
    private let changes: [Change]

    /// - Parameters:
    ///   - first: the offset before all changes, in seconds.
    ///   - changes: in order of time.
    public init(name: String, first: Int, changes: [Change] = []) {
        self.name = name
        self.first = first
        self.changes = changes
    }

    public static let utc = ZoneOffsets(name: "UTC", first: 0)

    /// The clock on the wall there.
    public func civilTime(at wall: Int64) -> CivilTime {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].since <= wall { low = middle + 1 } else { high = middle }
        }
        let seconds = low == 0 ? first : changes[low - 1].seconds
        return CivilTime(millisecondsSince1970: wall + Int64(seconds) * 1000)
    }
}
