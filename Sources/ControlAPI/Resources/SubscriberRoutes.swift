internal import CoreTypes
internal import Foundation
internal import Hummingbird
internal import Registry

/// People and phones that may authenticate.
struct SubscriberRoutes {
    let registry: RegistryStore

    private struct Document: Encodable {
        let aor: String
        let enabled: Bool
        let algorithms: [String]
        let hasPlaintext: Bool
        let createdAt: String?
        let updatedAt: String?

        init(_ entry: SubscriberEntry) {
            aor = entry.aor
            enabled = entry.isEnabled
            algorithms = entry.algorithms
            hasPlaintext = entry.hasPlaintext
            createdAt = entry.createdAt.map(rfc3339)
            updatedAt = entry.updatedAt.map(rfc3339)
        }

        static let schema = Schema.object([
            .needed("aor", .string()), .needed("enabled", .boolean),
            .needed("algorithms", .array(.string()), "The digest algorithms that it can answer."),
            .needed("has_plaintext", .boolean, "Another program has left its password readable in the database."),
            .maybe("created_at", .time), .maybe("updated_at", .time),
        ])
    }

    private struct List: Encodable {
        let subscribers: [Document]
        let next: String?
    }

    private struct NewSubscriber: Decodable {
        let aor: String
        let password: String
    }

    private struct Change: Decodable {
        let enabled: Bool?
        let password: String?
    }

    private static let aor = Operation.Parameter.path("aor", .addressOfRecord, "user@domain")

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [registry] inquiry in
            let entries = try await reading("after") { try registry.subscribers() }.sorted { $0.aor < $1.aor }
            let page = Page(entries, for: inquiry, key: \.aor)
            return try Response.json(List(subscribers: page.items.map(Document.init), next: page.next))
        }
        table.add(Self.create) { [registry] inquiry in
            let new = try inquiry.body(as: NewSubscriber.self)
            let entry = try await reading("aor") { [actor = inquiry.actor] in
                try registry.acting(as: actor).addSubscriber(new.aor, password: new.password)
                return try registry.subscriber(new.aor)
            }
            return try Self.answer(entry, status: .created)
        }
        table.add(Self.read) { [registry] inquiry in
            try Self.answer(try await Self.entry(inquiry, registry))
        }
        table.add(Self.change) { [registry] inquiry in
            let entry = try await Self.entry(inquiry, registry)
            try inquiry.checkMatch(Document(entry), isRequired: true)
            let change = try inquiry.body(as: Change.self)
            let changed = try await reading("password") { [actor = inquiry.actor] in
                let registry = registry.acting(as: actor)
                if let password = change.password { try registry.setPassword(password, of: entry.aor) }
                if let enabled = change.enabled, enabled != entry.isEnabled {
                    try registry.setSubscriber(entry.aor, enabled: enabled)
                }
                return try registry.subscriber(entry.aor)
            }
            return try Self.answer(changed)
        }
        table.add(Self.remove) { [registry] inquiry in
            let entry = try await Self.entry(inquiry, registry)
            try inquiry.checkMatch(Document(entry), isRequired: false)
            try await reading("aor") { [actor = inquiry.actor] in
                try registry.acting(as: actor).removeSubscriber(entry.aor)
            }
            return .done
        }
    }

    private static func entry(_ inquiry: Inquiry, _ registry: RegistryStore) async throws -> SubscriberEntry {
        try await reading("aor") { [aor = inquiry["aor"] ?? ""] in try registry.subscriber(aor) }
    }

    private static func answer(_ entry: SubscriberEntry, status: HTTPResponse.Status = .ok) throws -> Response {
        let document = Document(entry)
        return try Response.json(
            document, status: status,
            headers: [.eTag: try Inquiry.tag(of: document), .location: location("subscribers", entry.aor)])
    }

    // MARK: Descriptions

    private static let password = Schema.string(
        .init(
            length: 1...256,
            format: .init(
                name: "password", expected: "a text without control characters",
                accepts: { text in
                    text.utf8.count <= 1024
                        && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
                })))
    private static let tagged = ["ETag": "Says which state of it this is.", "Location": "Where it is."]

    private static let list = Operation(
        method: .get, path: "/v1/subscribers", id: "listSubscribers", summary: "Who may authenticate.",
        group: "subscribers", parameters: [.after, .limit],
        answers: [.json(Page<Document>.schema("subscribers", Document.schema), "A page of subscribers.")])

    private static let create = Operation(
        method: .post, path: "/v1/subscribers", id: "addSubscriber",
        summary: "Adds somebody; only hashes of the password are kept.",
        group: "subscribers", access: .role(.admin),
        body: .object([.needed("aor", .addressOfRecord), .needed("password", password)]),
        answers: [.json(Document.schema, "The subscriber.", status: 201, headers: tagged)], problems: [409])

    private static let read = Operation(
        method: .get, path: "/v1/subscribers/{aor}", id: "getSubscriber", summary: "One subscriber.",
        group: "subscribers", parameters: [aor],
        answers: [.json(Document.schema, "The subscriber.", headers: tagged)])

    private static let change = Operation(
        method: .patch, path: "/v1/subscribers/{aor}", id: "changeSubscriber",
        summary: "Enables, disables, or sets another password.", group: "subscribers", access: .role(.admin),
        parameters: [aor, .ifMatch], body: .object([.maybe("enabled", .boolean), .maybe("password", password)]),
        answers: [.json(Document.schema, "As it is now.", headers: tagged)], problems: [412, 428])

    private static let remove = Operation(
        method: .delete, path: "/v1/subscribers/{aor}", id: "removeSubscriber", summary: "Removes somebody.",
        group: "subscribers", access: .role(.admin), parameters: [aor, .ifMatch],
        answers: [.done("It is removed.")], problems: [412])
}

/// Milliseconds since 1970 as the API writes them.
func rfc3339(_ milliseconds: Int64) -> String { CivilTime(millisecondsSince1970: milliseconds).rfc3339 }

/// Where something is whose name may have characters that a path does not take.
func location(_ kind: String, _ name: String) -> String {
    "/v1/\(kind)/" + (name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
}
