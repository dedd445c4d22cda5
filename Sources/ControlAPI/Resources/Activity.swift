internal import CoreTypes
internal import Hummingbird
internal import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import Witness

/// Follows the log, and knows what happened in the last hours.
final class Activity: Service {
    private let directory: String
    private let logger: Logger
    private let ledger = Mutex(ActivityLedger())

    /// Records that are read back at the start.
    private static let readBack = 50_000

    init(directory: String, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var cursor: LogCursor?
            var isFailing = false
            while !Task.isCancelled {
                do {
                    cursor = try await follow(cursor)
                    isFailing = false
                } catch {
                    if !isFailing, !Task.isCancelled { logger.error("the witness can't be followed: \(error)") }
                    isFailing = true
                }
                // Ends early when the task is cancelled, and so does the loop.
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func follow(_ known: LogCursor?) async throws -> LogCursor {
        try await blocking { [directory, self] in
            let (cursor, last) = try known.map { ($0, []) } ?? LogCursor.atEnd(directory, after: Self.readBack)
            var records = last
            repeat {
                ledger.withLock { ledger in for record in records { ledger.add(record) } }
                records = try cursor.poll().records
            } while !records.isEmpty
            return cursor
        }
    }

    func read<Value>(_ body: (ActivityLedger) -> Value) -> Value {
        ledger.withLock { body($0) }
    }
}

/// What happened lately: by minute, and by source.
struct ActivityRoutes {
    let activity: Activity
    let countries: Countries

    private struct History: Encodable {
        struct Point: Encodable {
            let time: String
            let calls: Int
            let refusals: [String: Int]
        }

        let stepSeconds = 60
        let points: [Point]
    }

    private struct Sources: Encodable {
        struct Source: Encodable {
            let address: String
            let organization: String?
            let country: String?
            let refusals: Int
            let admitted: Int
            let lastSeen: String
            let layers: [String: Int]
        }

        let sources: [Source]
    }

    func add(to table: inout RouteTable) {
        table.add(Self.history) { [activity] inquiry in
            let minutes = inquiry.integer("minutes") ?? 60
            let points = activity.read { $0.history(minutes, now: SystemClock.now().wall) }.map { time, minute in
                let refusals = ActivityLedger.kinds.map { ($0, minute.refusals[$0] ?? 0) }
                return History.Point(
                    time: rfc3339(time), calls: minute.calls,
                    refusals: Dictionary(refusals) { first, _ in first })
            }
            return try Response.json(History(points: points))
        }
        table.add(Self.sources) { [activity, countries] inquiry in
            let (minutes, limit) = (inquiry.integer("minutes") ?? 60, inquiry.integer("limit") ?? 20)
            let found = activity.read { $0.sources(minutes, limit: limit, now: SystemClock.now().wall) }
            return try Response.json(
                Sources(
                    sources: found.map { address, source, total in
                        .init(
                            address: address, organization: source.organization,
                            country: countries.country(of: address), refusals: total.refused,
                            admitted: total.calls, lastSeen: rfc3339(source.lastSeen), layers: total.refusals)
                    }))
        }
    }

    private static let count = Schema.integer(0...Int.max)

    private static let history = Operation(
        method: .get, path: "/v1/history", id: "getHistory", summary: "Calls let in and refusals by layer, by minute.",
        group: "status",
        parameters: [.query("minutes", .integer(1...ActivityLedger.mostMinutes), "How far back; 60 without it.")],
        answers: [
            .json(
                .object([
                    .needed("step_seconds", count),
                    .needed(
                        "points",
                        .array(
                            .object([
                                .needed("time", .time), .needed("calls", count), .needed("refusals", .map(count)),
                            ]))),
                ]), "The minutes, the oldest first.")
        ])

    private static let sources = Operation(
        method: .get, path: "/v1/sources", id: "getSources", summary: "Where calls and attacks come from.",
        group: "status",
        parameters: [
            .query(
                "minutes", .integer(1...ActivityLedger.mostMinutesOfSource), "How far back; 60 without it."),
            .query("limit", .integer(1...1000), "How many at most; 20 without it."),
        ],
        answers: [
            .json(
                .object([
                    .needed(
                        "sources",
                        .array(
                            .object([
                                .needed("address", .string()), .maybe("organization", .string()),
                                .maybe("country", .string()),
                                .needed("refusals", count), .needed("admitted", count),
                                .needed("last_seen", .time), .needed("layers", .map(count)),
                            ])))
                ]), "Those that were refused most often first.")
        ])
}
