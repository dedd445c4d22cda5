internal import CoreTypes
internal import Hummingbird
internal import Registry
internal import SallyportConfiguration

/// Addresses that the edge does not listen to.
struct BanRoutes {
    let registry: RegistryStore
    let neverBan: [IPNetwork]

    private struct Document: Encodable {
        let address: String
        let reason: String
        let jail: String?
        let by: String
        let addedAt: String
        let until: String?

        init(_ ban: Ban) {
            address = ban.address.description
            reason = ban.reason
            jail = ban.jail
            by = ban.actor
            addedAt = rfc3339(ban.addedAt)
            until = ban.until.map(rfc3339)
        }

        static let schema = Schema.object([
            .needed("address", .address, "Of IPv6 the whole /64 is banned."), .needed("reason", .string()),
            .maybe("jail", .string(), "The rule that banned it."), .needed("by", .string()),
            .needed("added_at", .time), .maybe("until", .time, "Missing: until it is lifted."),
        ])
    }

    private struct List: Encodable {
        let bans: [Document]
        let next: String?
    }

    private struct NewBan: Decodable {
        let address: String
        let `for`: String?
        let reason: String?
    }

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [registry] inquiry in
            let bans = try await reading("after") { try registry.bans() }
            let page = Page(bans, for: inquiry) { $0.address.description }
            return try Response.json(List(bans: page.items.map(Document.init), next: page.next))
        }
        table.add(Self.create) { [registry, neverBan] inquiry in
            let new = try inquiry.body(as: NewBan.self)
            let address = try Self.address(new.address)
            let duration = try new.for.map { try Duration(parsing: $0, in: Ban.duration) }
            let ban = try await reading("address") { [actor = inquiry.actor] in
                try registry.acting(as: actor).ban(
                    address, for: duration.map { $0.nanoseconds / 1_000_000 }, reason: new.reason ?? "banned by hand",
                    neverBan: neverBan)
            }
            return try Response.json(
                Document(ban), status: .created, headers: [.location: location("bans", address.description)])
        }
        table.add(Self.lift) { [registry] inquiry in
            let address = try Self.address(inquiry["address"] ?? "")
            try await reading("address") { [actor = inquiry.actor] in try registry.acting(as: actor).liftBan(address) }
            return .done
        }
    }

    private static func address(_ text: String) throws -> IPAddress {
        guard let address = IPAddress(text) else {
            throw ProblemError(invalid: [.init(field: "address", detail: "is no IPv4 or IPv6 address")])
        }
        return address
    }

    // MARK: Descriptions

    private static let list = Operation(
        method: .get, path: "/v1/bans", id: "listBans", summary: "The bans that have not ended.", group: "bans",
        parameters: [.after, .limit],
        answers: [.json(Page<Document>.schema("bans", Document.schema), "A page of bans.")])

    private static let create = Operation(
        method: .post, path: "/v1/bans", id: "ban", summary: "Listens to an address no more; at once.", group: "bans",
        access: .role(.operator),
        body: .object([
            .needed("address", .address), .maybe("for", .duration, "Without it: until it is lifted."),
            .maybe("reason", .label(200)),
        ]),
        answers: [
            .json(
                Document.schema, "The ban; one that stood already is replaced.", status: 201,
                headers: ["Location": "Where it is."])
        ], problems: [409])

    private static let lift = Operation(
        method: .delete, path: "/v1/bans/{address}", id: "liftBan", summary: "Listens to an address again.",
        group: "bans", access: .role(.operator), parameters: [.path("address", .address, "As in the list.")],
        answers: [.done("It is lifted.")])
}
