internal import CoreTypes
internal import Edge
internal import Hummingbird
internal import SallyportConfiguration
internal import TransportSecurity
internal import Witness

/// Where calls go, and with what certificates.
struct RoutingRoutes {
    let edge: EdgeControl
    let configuration: Configuration

    private struct Routing: Encodable {
        struct Match: Encodable {
            let user: String?
            let domain: String?
            let profile: String?
            let tag: String?
            let header: [String: String]?

            init(_ match: SallyportConfiguration.Route.Match) {
                user = match.user
                domain = match.domain
                profile = match.profile
                tag = match.tag
                header = match.header.isEmpty ? nil : match.header
            }
        }

        struct Route: Encodable {
            let name: String
            let match: Match
            let to: String
        }

        struct Target: Encodable {
            let uri: String
            let priority: Int
            let weight: Int
            let up: Bool
        }

        struct Pool: Encodable {
            let name: String
            let ring: String
            let targets: [Target]
        }

        let routes: [Route]
        let pools: [Pool]
    }

    private struct Certificates: Encodable {
        struct Certificate: Encodable {
            let role: String
            let subject: String
            let issuer: String
            let notAfter: String
            let daysLeft: Int
        }

        struct List: Encodable {
            let issuer: String
            let nextUpdate: String?
            let daysLeft: Int?
        }

        let certificates: [Certificate]
        let revocationLists: [List]
    }

    func add(to table: inout RouteTable) {
        table.add(Self.routes) { [edge, configuration] _ in
            let routes = configuration.routes.map { route in
                Routing.Route(name: route.name, match: .init(route.match), to: route.to.text)
            }
            let pools = try await edge.pools().map { pool in
                Routing.Pool(
                    name: pool.name, ring: configuration.pools[pool.name]?.ring.rawValue ?? "one_by_one",
                    targets: pool.targets.map {
                        .init(uri: $0.uri, priority: $0.priority, weight: $0.weight, up: $0.isUp)
                    })
            }
            return try Response.json(Routing(routes: routes, pools: pools))
        }
        table.add(Self.certificates) { [edge] _ in
            let state = try await edge.certificates()
            let now = SystemClock.now().wall
            func documents(_ role: String, _ reports: [CertificateReport]) -> [Certificates.Certificate] {
                reports.map {
                    .init(
                        role: role, subject: $0.subject, issuer: $0.issuer, notAfter: rfc3339($0.notAfter),
                        daysLeft: $0.daysLeft(now: now))
                }
            }
            return try Response.json(
                Certificates(
                    certificates: state.byRole.flatMap(documents),
                    revocationLists: state.revocation.map { list in
                        .init(
                            issuer: list.issuer, nextUpdate: list.nextUpdate.map(rfc3339),
                            daysLeft: list.nextUpdate.map { Int((Double($0 - now) / 86_400_000).rounded(.down)) })
                    }))
        }
    }

    private static let routes = Operation(
        method: .get, path: "/v1/routes", id: "getRoutes", summary: "Where calls go, and which servers are in service.",
        group: "routes",
        answers: [
            .json(
                .object([
                    .needed(
                        "routes",
                        .array(
                            .object([
                                .needed("name", .string()),
                                .needed(
                                    "match",
                                    .object([
                                        .maybe("user", .string()), .maybe("domain", .string()),
                                        .maybe("profile", .string()), .maybe("tag", .string()),
                                        .maybe("header", .map(.string())),
                                    ])), .needed("to", .string()),
                            ])), "The first that matches counts."),
                    .needed(
                        "pools",
                        .array(
                            .object([
                                .needed("name", .string()), .needed("ring", .string()),
                                .needed(
                                    "targets",
                                    .array(
                                        .object([
                                            .needed("uri", .string()), .needed("priority", .integer(0...Int.max)),
                                            .needed("weight", .integer(0...Int.max)), .needed("up", .boolean),
                                        ]))),
                            ]))),
                ]), "Routes and pools.")
        ])

    private static let certificates = Operation(
        method: .get, path: "/v1/certificates", id: "getCertificates", summary: "The certificates in use.",
        group: "certificates",
        answers: [
            .json(
                .object([
                    .needed(
                        "certificates",
                        .array(
                            .object([
                                .needed("role", .choice(["own", "authority", "control"])),
                                .needed("subject", .string()),
                                .needed("issuer", .string()), .needed("not_after", .time),
                                .needed("days_left", .integer(Int.min...Int.max)),
                            ]))),
                    .needed(
                        "revocation_lists",
                        .array(
                            .object([
                                .needed("issuer", .string()), .maybe("next_update", .time),
                                .maybe("days_left", .integer(Int.min...Int.max)),
                            ]))),
                ]), "Certificates and revocation lists.")
        ])
}

extension Route.Target {
    /// As the configuration writes it.
    fileprivate var text: String {
        switch self {
        case .registry: "registry"
        case .pool(let name): "pool:\(name)"
        case .uri(let uri): uri
        }
    }
}
