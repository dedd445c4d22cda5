internal import Hummingbird

/// | path | answer |
/// |---|---|
/// | `GET /v1/calls` | a page of calls, the newest first: `active` (true, false), `before` (a number), `limit` (1 to 1000) |
/// | `GET /v1/calls/{id}` | one call; of those that have ended the latest 1,000 are known |
/// | `POST /v1/calls/{id}/end` | ends it at both of its sides; 409 when it has ended already |
struct CallRoutes {
    let calls: CallControl

    func add(to table: inout RouteTable) {
        table.add(.get, "/v1/calls") { [calls] request, _ in
            try Response.json(try await calls.list(try Self.query(request)))
        }
        table.add(.get, "/v1/calls/{id}") { [calls] request, context in
            let id = try context.parameters.require("id")
            guard let call = try await calls.find(id) else { throw Self.unknown }
            return try Response.json(call)
        }
        table.add(.post, "/v1/calls/{id}/end") { [calls] request, context in
            let id = try context.parameters.require("id")
            switch try await calls.end(id, try await context.actor()) {
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

    private static func query(_ request: Request) throws -> CallQuery {
        var query = CallQuery()
        for (name, value) in request.uri.queryParameters {
            switch name {
            case "active":
                guard let isActive = Bool(String(value)) else {
                    throw ProblemError(.badRequest, "'active' is true or false.")
                }
                query.isActive = isActive
            case "before":
                guard let before = UInt64(value) else {
                    throw ProblemError(.badRequest, "'before' is the number of a call, as 'next' of a page gives it.")
                }
                query.before = before
            case "limit":
                guard let limit = Int(value), (1...1000).contains(limit) else {
                    throw ProblemError(.badRequest, "'limit' is a number from 1 to 1000.")
                }
                query.limit = limit
            default:
                throw ProblemError(
                    .badRequest, "There is no parameter '\(name.prefix(64))': 'active', 'before' and 'limit' are known."
                )
            }
        }
        return query
    }
}
