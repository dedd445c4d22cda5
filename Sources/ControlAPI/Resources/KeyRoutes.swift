internal import CoreTypes
internal import Hummingbird
internal import Registry

/// Keys of this API.
struct KeyRoutes {
    let registry: RegistryStore

    private struct Document: Encodable {
        let name: String
        let role: String
        let prefix: String
        let createdAt: String
        let expiresAt: String?
        let lastUsedAt: String?

        init(_ key: APIKeyEntry) {
            name = key.name
            role = key.role.rawValue
            prefix = key.prefix
            createdAt = rfc3339(key.createdAt)
            expiresAt = key.expiresAt.map(rfc3339)
            lastUsedAt = key.lastUsedAt.map(rfc3339)
        }

        static let schema = Schema.object([
            .needed("name", .string()), .needed("role", roles),
            .needed("prefix", .string(), "What the key begins with."), .needed("created_at", .time),
            .maybe("expires_at", .time), .maybe("last_used_at", .time, "Within a minute."),
        ])
    }

    private struct List: Encodable {
        let keys: [Document]
        let next: String?
    }

    private struct Created: Encodable {
        let name: String
        let role: String
        let key: String
        let expiresAt: String?
    }

    private struct NewKey: Decodable {
        let name: String
        let role: APIRole
        let expires: String?
    }

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [registry] inquiry in
            let keys = try await reading("after") { try registry.apiKeys() }
            let page = Page(keys, for: inquiry, key: \.name)
            return try Response.json(List(keys: page.items.map(Document.init), next: page.next))
        }
        table.add(Self.create) { [registry] inquiry in
            let new = try inquiry.body(as: NewKey.self)
            let end = new.expires.flatMap { CivilSpan(parsing: $0)?.end }
            let key = try await reading("expires") { [actor = inquiry.actor] in
                try registry.acting(as: actor).createKey(new.name, role: new.role, expiresAt: end)
            }
            return try Response.json(
                Created(name: new.name, role: new.role.rawValue, key: key, expiresAt: end.map(rfc3339)),
                status: .created, headers: [.location: location("keys", new.name)])
        }
        table.add(Self.revoke) { [registry] inquiry in
            try await reading("name") { [actor = inquiry.actor, name = inquiry["name"] ?? ""] in
                try registry.acting(as: actor).revokeKey(name)
            }
            return .done
        }
    }

    // MARK: Descriptions

    private static let roles = Schema.choice(APIRole.allCases.map(\.rawValue))

    private static let list = Operation(
        method: .get, path: "/v1/keys", id: "listKeys", summary: "The keys, without what would let anybody in.",
        group: "keys", access: .role(.admin), parameters: [.after, .limit],
        answers: [.json(Page<Document>.schema("keys", Document.schema), "A page of keys.")])

    private static let create = Operation(
        method: .post, path: "/v1/keys", id: "createKey", summary: "Makes a key and shows it, this once.",
        group: "keys", access: .role(.admin),
        body: .object([
            .needed("name", .token), .needed("role", roles),
            .maybe("expires", .dayOrTime, "The last day or second at which it is valid; without it: no end."),
        ]),
        answers: [
            .json(
                .object([
                    .needed("name", .string()), .needed("role", roles), .needed("key", .string()),
                    .maybe("expires_at", .time),
                ]), "The key.", status: 201, headers: ["Location": "Where to revoke it."])
        ], problems: [409])

    private static let revoke = Operation(
        method: .delete, path: "/v1/keys/{name}", id: "revokeKey",
        summary: "Lets nobody in with it any more; its sessions end.", group: "keys", access: .role(.admin),
        parameters: [.path("name", .token, "As in the list.")], answers: [.done("It is revoked.")])
}
