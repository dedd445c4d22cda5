internal import CoreTypes
internal import Edge
internal import Hummingbird
internal import SallyportConfiguration

/// Would this call get in?
struct RehearsalRoutes {
    let edge: EdgeControl
    let configuration: Configuration

    /// Those that something listens on, TLS first.
    private var transports: [TransportKind] {
        let present = Set(configuration.listeners.map(\.transport))
        return TransportKind.allCases.reversed().filter(present.contains)
    }

    func add(to table: inout RouteTable) {
        let transport = transports.first ?? .tls
        table.add(test) { [edge] inquiry in
            let question = try inquiry.body(as: RehearsalQuestion.self)
            do {
                let rehearsal = try question.rehearsal(otherwise: transport)
                return try Response.json(RehearsalAnswer(try await edge.rehearse(rehearsal)))
            } catch let error as RehearsalError {
                throw ProblemError(invalid: [.init(field: error.field, detail: error.description)])
            }
        }
    }

    /// RFC 3261 section 25.1; no compact forms.
    private static let fieldName = Schema.Text(
        length: 3...64,
        characters: Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"))

    private static let line = Schema.string(
        .init(
            length: 0...1024,
            format: .init(name: "header-value", expected: "a text of one line") { text in
                text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
            }))

    private var test: Operation {
        Operation(
            method: .post, path: "/v1/test", id: "testCall",
            summary: "Which layer would say what to a call; nothing of it is remembered.", group: "test",
            body: .object([
                .needed("source", .address), .maybe("port", .integer(1...65_535), otherwise: 5060),
                .maybe("transport", .choice(transports.map(\.rawValue)), "Without it: the first of these."),
                .maybe(
                    "profile", .choice(configuration.profiles.keys.sorted()),
                    "Without it: that of the first listener with this transport."),
                .maybe("user", .addressOfRecord, "Who calls, with the right password; without it: a stranger."),
                .maybe("to", .contact, "The Request-URI."),
                .maybe("method", .choice(["INVITE", "MESSAGE", "SUBSCRIBE", "REGISTER"]), otherwise: "INVITE"),
                .maybe("hazard", .token), .maybe("trace_id", .token),
                .maybe("headers", .map(Self.line, names: Self.fieldName)),
            ]),
            answers: [
                .json(
                    .object([
                        .needed("admitted", .boolean),
                        .needed(
                            "verdicts",
                            .array(
                                .object([
                                    .needed("layer", .integer(1...7)), .needed("name", .string()),
                                    .needed("outcome", .choice(["pass", "refuse", "challenge", "skip"])),
                                    .needed("detail", .string()), .maybe("status", .integer(100...699)),
                                    .maybe("reason", .string()),
                                ]))),
                        .maybe("route", .object([.needed("name", .string()), .needed("to", .string())])),
                    ]), "The verdicts, up to the first that refuses.")
            ])
    }
}

/// The question as the API and `explain` put it.
public struct RehearsalQuestion: Codable, Sendable {
    public var source: String
    public var port: UInt16?
    public var transport: String?
    public var profile: String?
    public var user: String?
    public var to: String?
    public var method: String?
    public var hazard: String?
    public var traceId: String?
    public var headers: [String: String]?

    public init(source: String) {
        self.source = source
    }

    fileprivate func rehearsal(otherwise fallback: TransportKind) throws -> Rehearsal {
        guard let address = IPAddress(source) else {
            throw ProblemError(invalid: [.init(field: "source", detail: "is no IPv4 or IPv6 address")])
        }
        let transport = transport.flatMap(TransportKind.init) ?? fallback
        var rehearsal = Rehearsal(source: Endpoint(address, port: port ?? 5060), transport: transport)
        rehearsal.profile = profile
        rehearsal.user = user
        rehearsal.target = to
        rehearsal.method = method ?? "INVITE"
        rehearsal.hazard = hazard
        rehearsal.traceID = traceId
        rehearsal.headers = (headers ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return rehearsal
    }
}

/// The answer as the API and `explain` give it.
public struct RehearsalAnswer: Codable, Sendable {
    public struct Verdict: Codable, Sendable {
        public let layer: Int
        public let name: String
        public let outcome: String
        public let detail: String
        public let status: Int?
        public let reason: String?
    }

    public struct Route: Codable, Sendable {
        public let name: String
        public let to: String
    }

    public let admitted: Bool
    public let verdicts: [Verdict]
    public let route: Route?

    init(_ report: RehearsalReport) {
        admitted = report.isAdmitted
        verdicts = report.verdicts.map {
            .init(
                layer: $0.layer, name: $0.name, outcome: $0.outcome, detail: $0.detail, status: $0.status,
                reason: $0.reason)
        }
        route = report.route.map { .init(name: $0.name, to: $0.target) }
    }
}
