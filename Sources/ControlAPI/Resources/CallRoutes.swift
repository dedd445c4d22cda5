internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Registry
internal import Witness

/// Calls: those that are up or being set up, and of those that have ended the latest 1,000.
struct CallRoutes {
    let calls: CallControl
    /// The witness's directory.
    let directory: String

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [calls] inquiry in
            let query = CallQuery(
                isActive: inquiry["active"] == "true", before: inquiry["before"].flatMap { UInt64($0) },
                limit: inquiry.limit)
            return try Response.json(try await calls.list(query))
        }
        table.add(Self.read) { [calls] inquiry in
            guard let found = try await calls.find(inquiry["id"] ?? "") else { throw Self.unknown }
            return try Response.json(found)
        }
        table.add(Self.story) { [calls, directory] inquiry in
            let id = inquiry["id"] ?? ""
            let found = try await calls.find(id)
            let story = try await witnessing { try WitnessStory(ofCall: id, directory: directory) }
            guard found != nil || !story.records.isEmpty else { throw Self.unknown }
            let text = try found.map { ["call": String(decoding: try JSONEncoder.canonical.encode($0), as: UTF8.self)] }
            return EventRoutes.answer(story, text ?? [:])
        }
        table.add(Self.end) { [calls] inquiry in
            switch try await calls.end(inquiry["id"] ?? "", inquiry.actor) {
            case .ended(let call):
                return try Response.json(call)
            case .hadEnded(let call):
                throw ProblemError(.conflict, "The call has ended already, at \(call.endedAt ?? "some time").")
            case .unknown:
                throw Self.unknown
            }
        }
    }

    private static let unknown = ProblemError(
        .notFound, "There is no such call; of those that have ended the latest 1,000 are known.")

    // MARK: Descriptions

    private static let count = Schema.integer(0...Int.max)
    private static let document = Schema.object([
        .needed("id", .string()), .needed("number", count, "Later calls have higher ones."),
        .needed("state", .choice(["trying", "ringing", "connected", "ended"])), .needed("call_id", .string()),
        .maybe("trace_id", .string()), .maybe("expert_id", .string()), .maybe("hazard", .string()),
        .needed("from", .string()), .needed("to", .string()), .needed("source_ip", .string()),
        .needed("source_port", .integer(0...65_535)), .needed("transport", .string()),
        .maybe("organization", .string()), .maybe("tls_version", .string()), .maybe("cipher_suite", .string()),
        .maybe("authenticated_user", .string()), .needed("profile", .string()), .needed("route", .string()),
        .needed("started_at", .time), .maybe("ringing_at", .time), .maybe("answered_at", .time),
        .maybe("ended_at", .time), .needed("duration_ms", count, "From answer to end, or up to now."),
        .maybe("result", .string()), .maybe("status", .integer(100...699)), .maybe("ended_by", .string()),
    ])
    private static let id = Operation.Parameter.path("id", .token, "The call's `id`.")

    private static let list = Operation(
        method: .get, path: "/v1/calls", id: "listCalls", summary: "Calls, the newest first.", group: "calls",
        parameters: [
            .query("active", .boolean, "true: only those that have not ended."),
            .query("before", .integer(0...Int.max), "`next` of the page before."), .limit,
        ],
        answers: [
            .json(.object([.needed("calls", .array(document)), .maybe("next", count)]), "A page of calls.")
        ])

    private static let read = Operation(
        method: .get, path: "/v1/calls/{id}", id: "getCall", summary: "One call.", group: "calls", parameters: [id],
        answers: [.json(document, "The call.")])

    private static let story = Operation(
        method: .get, path: "/v1/calls/{id}/story", id: "getCallStory",
        summary: "A call with all that the witness has of it, in order.", group: "calls", parameters: [id],
        answers: [
            .json(
                .object([
                    .maybe("call", document), .needed("records", .array(EventFilter.record)),
                    .needed("cut", .boolean, "Whether there were more than 10,000."),
                ]), "The story.")
        ])

    private static let end = Operation(
        method: .post, path: "/v1/calls/{id}/end", id: "endCall", summary: "Ends a call at both of its sides.",
        group: "calls", access: .role(.operator), parameters: [id], answers: [.json(document, "The call, ended.")],
        problems: [409])
}
