internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle
internal import Witness

/// What is in the witness: pages of it, the story of a trace, and what comes in as it comes.
struct EventRoutes {
    /// The log's directory.
    let directory: String
    private let streams = StreamPlaces(32)

    init(directory: String) {
        self.directory = directory
    }

    func add(to table: inout RouteTable) {
        table.add(Self.events) { [directory, streams] inquiry in
            let accepted = inquiry.request.headers[.accept] ?? ""
            if accepted.contains("text/event-stream") { return try Self.stream(inquiry, directory, streams) }
            let (filter, before, limit) = (EventFilter.read(inquiry), inquiry.integer("before"), inquiry.limit)
            let page = try await witnessing {
                try WitnessPage(directory: directory, filter, before: before, limit: limit)
            }
            let next = page.next.map { ",\"next\":\($0)" } ?? ""
            return .text("{\"events\":\(WitnessRecord.list(page.records))\(next)}", type: "application/json")
        }
        table.add(Self.trace) { [directory] inquiry in
            let trace = inquiry["trace"] ?? ""
            let story = try await witnessing { try WitnessStory(of: trace, directory: directory) }
            guard !story.records.isEmpty else { throw ProblemError(.notFound, "Nothing is known of this trace.") }
            return Self.answer(
                story, ["trace": String(decoding: try JSONEncoder.canonical.encode(trace), as: UTF8.self)])
        }
        table.add(Self.export) { [directory] inquiry in
            let filter = EventFilter.read(inquiry)
            var response = Response(
                status: .ok, headers: .document("application/x-ndjson"), body: Self.export(filter, directory))
            response.headers[.contentDisposition] = "attachment; filename=\"witness.jsonl\""
            return response
        }
    }

    /// - Parameter more: what else is told, as JSON.
    static func answer(_ story: WitnessStory, _ more: [String: String]) -> Response {
        let others = more.sorted { $0.key < $1.key }.map { name, json in "\"\(name)\":\(json)," }
        return .text(
            "{\(others.joined())\"records\":\(WitnessRecord.list(story.records)),\"cut\":\(story.isCut)}",
            type: "application/json")
    }

    private static func export(_ filter: WitnessFilter, _ directory: String) -> ResponseBody {
        ResponseBody { writer in
            let search = try await witnessing { try LogSearch(directory, filter) }
            while true {
                // A thread is held for a part of the work at a time, and none while the reader is slow.
                let (text, isEnd) = try await witnessing { try search.take(1000) }
                if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
                if isEnd { break }
            }
            try await writer.finish(nil)
        }
    }

    // MARK: The stream

    /// Server-sent events (WHATWG HTML, section 9.2): `id` is the record's number.
    private static func stream(_ inquiry: Inquiry, _ directory: String, _ streams: StreamPlaces) throws -> Response {
        let filter = EventFilter.read(inquiry)
        let resumed = inquiry.request.headers[.lastEventID].flatMap { Int($0) } ?? inquiry.integer("last_event_id")
        guard let place = streams.take() else {
            throw ProblemError(
                .serviceUnavailable, "\(streams.count) streams are open already.", headers: [.retryAfter: "10"])
        }
        var response = Response(
            status: .ok, headers: .document("text/event-stream"),
            body: ResponseBody { writer in
                defer { place.leave() }
                try await write(to: &writer, directory, filter, after: resumed)
            })
        // nginx is told not to wait for more.
        response.headers[.accelBuffering] = "no"
        return response
    }

    private static func write(
        to writer: inout any ResponseBodyWriter, _ directory: String, _ filter: WitnessFilter, after resumed: Int?
    ) async throws {
        let cursor = try await witnessing {
            try resumed.map { LogCursor.behind($0, directory) } ?? LogCursor.atEnd(directory, after: 0).0
        }
        var missing = 0
        var quiet = 0
        try await writer.write(
            ByteBuffer(string: "retry: 2000\n: from \(resumed.map { "behind \($0)" } ?? "now") on\n\n"))
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let (records, gone) = try await witnessing { try cursor.poll() }
            var text = ""
            if gone > missing {
                text += "event: gap\ndata: {\"missing\":\(gone - missing)}\n\n"
                missing = gone
            }
            for record in records where filter.matches(record) {
                text += "id: \(record.sequence)\nevent: record\ndata: \(record.line)\n\n"
            }
            quiet = text.isEmpty ? quiet + 1 : 0
            // So that both sides, and what is between them, know that it is still there.
            if quiet >= 60 { (text, quiet) = (": \n\n", 0) }
            if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
            if records.isEmpty { try await Task.sleep(for: .milliseconds(250)) }
        }
        try await writer.finish(nil)
    }

    // MARK: Descriptions

    private static let events = Operation(
        method: .get, path: "/v1/events", id: "listEvents",
        summary:
            "Events, the newest first; with `Accept: text/event-stream` those that come in, as server-sent events.",
        group: "events",
        parameters: EventFilter.parameters + [
            .query("before", .integer(1...Int.max), "`next` of the page before."), .limit,
            .query(
                "last_event_id", .integer(0...Int.max),
                "For a stream: what follows this event, as with the field Last-Event-ID, which browsers send."),
        ],
        answers: [
            Operation.Answer(
                status: 200, summary: "A page of events, or the stream.",
                content: [
                    "application/json": .object([
                        .needed("events", .array(EventFilter.record)), .maybe("next", .integer(1...Int.max)),
                    ]), "text/event-stream": .anything,
                ])
        ])

    private static let trace = Operation(
        method: .get, path: "/v1/traces/{trace}", id: "getTrace", summary: "All that belongs to a trace, in order.",
        group: "events", parameters: [.path("trace", .string(.init(length: 1...128)), "The trace.")],
        answers: [
            .json(
                .object([
                    .needed("trace", .string()), .needed("records", .array(EventFilter.record)),
                    .needed("cut", .boolean, "Whether there were more than 10,000."),
                ]), "The story.")
        ])

    private static let export = Operation(
        method: .get, path: "/v1/witness/export", id: "exportWitness",
        summary: "Records as they stand in the log, the oldest first, a line each.", group: "witness",
        parameters: EventFilter.parameters, answers: [.text("application/x-ndjson", "The records.")])
}

/// Runs what reads the log where it keeps no event loop.
func witnessing<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    do {
        return try await blocking(body)
    } catch let error as WitnessError {
        throw ProblemError(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
    }
}
