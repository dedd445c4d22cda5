internal import CoreTypes
internal import Hummingbird
internal import Registry

/// Outside experts and the public keys that they sign calls with.
struct ExpertRoutes {
    let registry: RegistryStore

    private struct Document: Encodable {
        struct Key: Encodable {
            let id: String
            let notBefore: String?
            let notAfter: String?
        }

        let aor: String
        let name: String
        let organization: String
        let specializations: [String]
        let verified: Bool
        let contact: String?
        let keys: [Key]

        init(_ expert: RegistrySnapshot.Expert) {
            aor = expert.id
            name = expert.name
            organization = expert.organization
            specializations = expert.specializations
            verified = expert.isVerified
            contact = expert.contact
            keys = expert.keys.map {
                Key(id: $0.id, notBefore: $0.notBefore.map(rfc3339), notAfter: $0.notAfter.map(rfc3339))
            }
        }

        static let schema = Schema.object([
            .needed("aor", .string()), .needed("name", .string()), .needed("organization", .string()),
            .needed("specializations", .array(.string()), "The hazards that they may be asked about."),
            .needed("verified", .boolean, "Only who is verified may be in a call."),
            .maybe("contact", .string(), "Where calls to them go."),
            .needed(
                "keys",
                .array(
                    .object([.needed("id", .string()), .maybe("not_before", .time), .maybe("not_after", .time)]))),
        ])
    }

    private struct List: Encodable {
        let experts: [Document]
        let next: String?
    }

    private struct NewExpert: Decodable {
        let aor: String
        let name: String
        let organization: String
        let specializations: [String]
        let verified: Bool?
        let contact: String?
    }

    private struct Change: Decodable {
        let verified: Bool
    }

    private struct NewKey: Decodable {
        let id: String
        let publicKey: String
        let notAfter: String?
    }

    func add(to table: inout RouteTable) {
        table.add(Self.list) { [registry] inquiry in
            let experts = try await reading("after") { try registry.experts() }.sorted { $0.id < $1.id }
            let page = Page(experts, for: inquiry, key: \.id)
            return try Response.json(List(experts: page.items.map(Document.init), next: page.next))
        }
        table.add(Self.create) { [registry] inquiry in
            let new = try inquiry.body(as: NewExpert.self)
            let expert = RegistrySnapshot.Expert(
                id: new.aor, name: new.name, organization: new.organization, specializations: new.specializations,
                isVerified: new.verified ?? false, contact: new.contact)
            let added = try await reading("aor") { [actor = inquiry.actor] in
                try registry.acting(as: actor).addExpert(expert)
                return try registry.expert(new.aor)
            }
            return try Self.answer(added, status: .created)
        }
        table.add(Self.read) { [registry] inquiry in try Self.answer(try await Self.expert(inquiry, registry)) }
        table.add(Self.change) { [registry] inquiry in
            let expert = try await Self.expert(inquiry, registry)
            try inquiry.checkMatch(Document(expert), isRequired: true)
            let isVerified = try inquiry.body(as: Change.self).verified
            let changed = try await reading("verified") { [actor = inquiry.actor] in
                try registry.acting(as: actor).setExpert(expert.id, verified: isVerified)
                return try registry.expert(expert.id)
            }
            return try Self.answer(changed)
        }
        table.add(Self.remove) { [registry] inquiry in
            let expert = try await Self.expert(inquiry, registry)
            try inquiry.checkMatch(Document(expert), isRequired: false)
            try await reading("aor") { [actor = inquiry.actor] in try registry.acting(as: actor).removeExpert(expert.id)
            }
            return .done
        }
        addKeys(to: &table)
    }

    private func addKeys(to table: inout RouteTable) {
        table.add(Self.addKey) { [registry] inquiry in
            let new = try inquiry.body(as: NewKey.self)
            let expert = try await Self.expert(inquiry, registry)
            let changed = try await reading("not_after") { [actor = inquiry.actor] in
                try registry.acting(as: actor).addKey(
                    .init(
                        id: new.id, publicKey: try Ed25519PublicKey.parse(new.publicKey),
                        notAfter: new.notAfter.flatMap { CivilSpan(parsing: $0)?.end }), to: expert.id)
                return try registry.expert(expert.id)
            }
            return try Self.answer(changed, status: .created)
        }
        table.add(Self.removeKey) { [registry] inquiry in
            let expert = try await Self.expert(inquiry, registry)
            try await reading("id") { [actor = inquiry.actor, key = inquiry["id"] ?? ""] in
                try registry.acting(as: actor).removeKey(key, from: expert.id)
            }
            return .done
        }
    }

    private static func expert(_ inquiry: Inquiry, _ registry: RegistryStore) async throws -> RegistrySnapshot.Expert {
        try await reading("aor") { [aor = inquiry["aor"] ?? ""] in try registry.expert(aor) }
    }

    private static func answer(
        _ expert: RegistrySnapshot.Expert, status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let document = Document(expert)
        return try Response.json(
            document, status: status,
            headers: [.eTag: try Inquiry.tag(of: document), .location: location("experts", expert.id)])
    }

    // MARK: Descriptions

    private static let aor = Operation.Parameter.path("aor", .addressOfRecord, "user@domain")
    private static let tagged = ["ETag": "Says which state of it this is.", "Location": "Where it is."]

    private static let list = Operation(
        method: .get, path: "/v1/experts", id: "listExperts", summary: "The experts.", group: "experts",
        parameters: [.after, .limit],
        answers: [.json(Page<Document>.schema("experts", Document.schema), "A page of experts.")])

    private static let create = Operation(
        method: .post, path: "/v1/experts", id: "addExpert", summary: "Adds an expert.", group: "experts",
        access: .role(.admin),
        body: .object([
            .needed("aor", .addressOfRecord), .needed("name", .label(128)), .needed("organization", .label(128)),
            .needed("specializations", .array(.token, count: 1...20)), .maybe("verified", .boolean, otherwise: false),
            .maybe("contact", .nullable(.contact), "A SIP URI."),
        ]), answers: [.json(Document.schema, "The expert.", status: 201, headers: tagged)], problems: [409])

    private static let read = Operation(
        method: .get, path: "/v1/experts/{aor}", id: "getExpert", summary: "One expert.", group: "experts",
        parameters: [aor], answers: [.json(Document.schema, "The expert.", headers: tagged)])

    private static let change = Operation(
        method: .patch, path: "/v1/experts/{aor}", id: "verifyExpert",
        summary: "Says that an expert is who the registry says, or that this is in doubt.", group: "experts",
        access: .role(.admin), parameters: [aor, .ifMatch], body: .object([.needed("verified", .boolean)]),
        answers: [.json(Document.schema, "As it is now.", headers: tagged)], problems: [412, 428])

    private static let remove = Operation(
        method: .delete, path: "/v1/experts/{aor}", id: "removeExpert", summary: "Removes an expert and their keys.",
        group: "experts", access: .role(.admin), parameters: [aor, .ifMatch], answers: [.done("It is removed.")],
        problems: [412])

    private static let addKey = Operation(
        method: .post, path: "/v1/experts/{aor}/keys", id: "addExpertKey", summary: "Adds an Ed25519 public key.",
        group: "experts", access: .role(.admin), parameters: [aor],
        body: .object([
            .needed("id", .token), .needed("public_key", .publicKey),
            .maybe("not_after", .dayOrTime),
        ]), answers: [.json(Document.schema, "The expert.", status: 201, headers: tagged)], problems: [409])

    private static let removeKey = Operation(
        method: .delete, path: "/v1/experts/{aor}/keys/{id}", id: "removeExpertKey", summary: "Removes a key.",
        group: "experts", access: .role(.admin), parameters: [aor, .path("id", .token, "The key's `id`.")],
        answers: [.done("It is removed.")])
}
