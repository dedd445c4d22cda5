internal import HTTPTypes
internal import Registry

/// What one method does at one path: for the router, for the gate in front of it and for `/openapi.json`.
struct Operation: Sendable {
    enum Access: Sendable, Equatable {
        /// Anybody.
        case open
        /// Anybody at this machine; from elsewhere a viewer.
        case local
        case role(APIRole)
    }

    struct Parameter: Sendable {
        enum Place: String, Sendable {
            case path
            case query
            case header
        }

        let name: String
        var place = Place.query
        let schema: Schema
        let summary: String
        var isRequired = false
        /// May stand several times.
        var isRepeated = false
    }

    struct Answer: Sendable {
        let status: Int
        let summary: String
        /// By media type.
        var content: [String: Schema] = [:]
        /// Names with what they say.
        var headers: [String: String] = [:]

        static func json(_ schema: Schema, _ summary: String, status: Int = 200, headers: [String: String] = [:])
            -> Answer
        {
            Answer(status: status, summary: summary, content: ["application/json": schema], headers: headers)
        }

        static func text(_ type: String, _ summary: String) -> Answer {
            Answer(status: 200, summary: summary, content: [type: .anything])
        }

        /// Nothing in it.
        static func done(_ summary: String) -> Answer { Answer(status: 204, summary: summary) }
    }

    let method: HTTPRequest.Method
    let path: String
    /// A name for generated clients.
    let id: String
    let summary: String
    let group: String
    var access = Access.role(.viewer)
    var parameters: [Parameter] = []
    var body: Schema?
    let answers: [Answer]
    /// Statuses above 400 that this operation has beside those that all have.
    var problems: [Int] = []
    /// Whether it is for programs, and so in `/openapi.json`.
    var isDescribed = true
}

extension Operation.Parameter {
    static func path(_ name: String, _ schema: Schema, _ summary: String) -> Self {
        .init(name: name, place: .path, schema: schema, summary: summary, isRequired: true)
    }

    static func query(_ name: String, _ schema: Schema, _ summary: String) -> Self {
        .init(name: name, schema: schema, summary: summary)
    }

    static let limit = query("limit", .integer(1...1000), "How many at most; 100 without it.")
    static let after = query("after", .string(.init(length: 1...512)), "`next` of the page before.")
    static let ifMatch = Operation.Parameter(
        name: "If-Match", place: .header, schema: .string(.init(length: 1...200)),
        summary: "The ETag of what is to be changed: if it has changed since, nothing is done (412).")
}
