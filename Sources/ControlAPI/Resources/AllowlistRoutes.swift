internal import CoreTypes
internal import Hummingbird
internal import Registry

/// Networks that may send requests.
struct AllowlistRoutes {
    let registry: RegistryStore

    private struct Document: Encodable {
        let id: Int64
        let cidr: String
        let tag: String
        let group: Int
        let port: UInt16
        let transport: String?

        init(_ entry: AddressEntry) {
            id = entry.id
            cidr = entry.rule.network.description
            tag = entry.rule.tag
            group = entry.rule.group
            port = entry.rule.port
            transport = entry.rule.transport?.rawValue
        }

        static let schema = Schema.object([
            .needed("id", .integer(0...Int.max)), .needed("cidr", .string()), .needed("tag", .string()),
            .needed("group", .integer(0...Int.max)), .needed("port", .integer(0...65_535), "0: any."),
            .maybe("transport", transports, "Missing: any."),
        ])
    }

    private struct List: Encodable {
        let networks: [Document]
        let next: String?
    }

    private struct NewNetwork: Decodable {
        let cidr: String
        let tag: String
        let group: Int?
        let port: UInt16?
        let transport: String?
    }

    private struct Change: Decodable {
        let tag: String
    }

    private static let transports = Schema.choice(TransportKind.allCases.map(\.rawValue))
    private static let id = Operation.Parameter.path("id", .integer(1...Int.max), "The network's `id`.")

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [registry] inquiry in
            let group = inquiry.integer("group")
            let entries = try await reading("group") { try registry.addresses() }
                .filter { group == nil || $0.rule.group == group }.sorted { $0.id < $1.id }
            let page = Page(entries, for: inquiry) { String($0.id) }
            return try Response.json(List(networks: page.items.map(Document.init), next: page.next))
        }
        table.add(Self.create) { [registry] inquiry in
            let new = try inquiry.body(as: NewNetwork.self)
            let rule = RegistrySnapshot.Address(
                network: try IPNetwork(parsing: new.cidr), group: new.group ?? 1, port: new.port ?? 0,
                transport: new.transport.flatMap(TransportKind.init), tag: new.tag)
            // Asked for twice, it is done once.
            if let same = try await reading("cidr", { try registry.addresses() }).first(where: { $0.rule == rule }) {
                return try Self.answer(same, status: .ok)
            }
            let entry = try await reading("cidr") { [actor = inquiry.actor] in
                try registry.acting(as: actor).allow(rule)
            }
            return try Self.answer(entry, status: .created)
        }
        table.add(Self.read) { [registry] inquiry in
            try Self.answer(try await Self.entry(inquiry, registry), status: .ok)
        }
        table.add(Self.change) { [registry] inquiry in
            let entry = try await Self.entry(inquiry, registry)
            try inquiry.checkMatch(Document(entry), isRequired: true)
            let tag = try inquiry.body(as: Change.self).tag
            let changed = try await reading("tag") { [actor = inquiry.actor] in
                try registry.acting(as: actor).setTag(tag, of: entry)
            }
            return try Self.answer(changed, status: .ok)
        }
        table.add(Self.remove) { [registry] inquiry in
            let entry = try await Self.entry(inquiry, registry)
            try inquiry.checkMatch(Document(entry), isRequired: false)
            try await reading("id") { [actor = inquiry.actor] in try registry.acting(as: actor).disallow(entry) }
            return .done
        }
    }

    private static func entry(_ inquiry: Inquiry, _ registry: RegistryStore) async throws -> AddressEntry {
        let id = inquiry.integer("id").map(Int64.init)
        guard let entry = try await reading("id", { try registry.addresses() }).first(where: { $0.id == id }) else {
            throw ProblemError(.notFound, "There is no such network in the allowlist.")
        }
        return entry
    }

    private static func answer(_ entry: AddressEntry, status: HTTPResponse.Status) throws -> Response {
        let document = Document(entry)
        return try Response.json(
            document, status: status,
            headers: [.eTag: try Inquiry.tag(of: document), .location: "/v1/allowlist/\(entry.id)"])
    }

    // MARK: Descriptions

    private static let tagged = ["ETag": "Says which state of it this is.", "Location": "Where it is."]

    private static let list = Operation(
        method: .get, path: "/v1/allowlist", id: "listNetworks", summary: "The networks that may send requests.",
        group: "allowlist",
        parameters: [.query("group", .integer(0...Int.max), "Only of this group."), .after, .limit],
        answers: [.json(Page<Document>.schema("networks", Document.schema), "A page of networks.")])

    private static let create = Operation(
        method: .post, path: "/v1/allowlist", id: "allowNetwork", summary: "Lets a network in; at once.",
        group: "allowlist", access: .role(.operator),
        body: .object([
            .needed("cidr", .network), .needed("tag", .label(64), "The organization."),
            .maybe("group", .integer(0...1_000_000), otherwise: 1),
            .maybe("port", .integer(0...65_535), "0: any source port.", otherwise: 0),
            .maybe("transport", .nullable(transports), "Without it: any."),
        ]),
        answers: [
            .json(Document.schema, "It is in already, just like this.", headers: tagged),
            .json(Document.schema, "It is in now.", status: 201, headers: tagged),
        ], problems: [409])

    private static let read = Operation(
        method: .get, path: "/v1/allowlist/{id}", id: "getNetwork", summary: "One network.", group: "allowlist",
        parameters: [id], answers: [.json(Document.schema, "The network.", headers: tagged)])

    private static let change = Operation(
        method: .put, path: "/v1/allowlist/{id}", id: "tagNetwork", summary: "Says whose network it is.",
        group: "allowlist", access: .role(.operator), parameters: [id, .ifMatch],
        body: .object([.needed("tag", .label(64), "The organization.")]),
        answers: [.json(Document.schema, "As it is now.", headers: tagged)], problems: [412, 428])

    private static let remove = Operation(
        method: .delete, path: "/v1/allowlist/{id}", id: "removeNetwork",
        summary: "Lets a network in no more; at once.",
        group: "allowlist", access: .role(.operator), parameters: [id, .ifMatch],
        answers: [.done("It is removed.")], problems: [412])
}

/// Runs what reads or changes the registry where it keeps no event loop, and says what went wrong as a problem.
/// - Parameter field: what in the request is to blame for what is invalid.
func reading<Value: Sendable>(
    _ field: String, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    do {
        return try await blocking(body)
    } catch let error as RegistryError {
        throw ProblemError(error, field: field)
    }
}
