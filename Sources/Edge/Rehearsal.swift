public import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SallyportConfiguration

/// A call that somebody asks about: would it get in?
public struct Rehearsal: Sendable {
    public var source: Endpoint
    public var transport: TransportKind
    /// Nil: that of the first listener with this transport.
    public var profile: String?
    /// Who calls, with the right password: `user@domain`; nil: somebody without one.
    public var user: String?
    /// The Request-URI; nil: somebody of the first served domain.
    public var target: String?
    public var method = "INVITE"
    public var hazard: String?
    public var traceID: String?
    public var headers: [(name: String, value: String)] = []

    public init(source: Endpoint, transport: TransportKind) {
        self.source = source
        self.transport = transport
    }
}

/// What the layers would say.
public struct RehearsalReport: Sendable {
    public struct Verdict: Sendable {
        /// 1 to 7.
        public let layer: Int
        /// Such as `source_rate`.
        public let name: String
        /// `pass`, `refuse`, `challenge`; `skip` for a layer that is switched off or does not apply.
        public let outcome: String
        /// Why, in words.
        public let detail: String
        public var status: Int?
        public var reason: String?
    }

    public var verdicts: [Verdict] = []
    public var isAdmitted = false
    /// Where an admitted call would go.
    public var route: (name: String, target: String)?
}

/// Why something can't be asked about.
public struct RehearsalError: Error, Sendable, CustomStringConvertible {
    /// The part of the question that is to blame.
    public let field: String
    public let description: String
}

extension Shard {
    /// Walks a request through copies of the layers: what they remember of it is thrown away with them.
    func rehearse(_ question: Rehearsal) throws(RehearsalError) -> RehearsalReport {
        let entrance = try entrance(for: question)
        var passage = entrance.passage.rehearsal()
        let now = clock()
        let policy = passage.policy
        let draft = try RehearsalRequest(
            question, policy, domain: settings.servedNames.first?.description ?? settings.node)
        var approach = try approach(draft.message(credentials: nil), question)
        var report = examine(approach, with: &passage, now: now)
        var isChallenged = false
        if let user = draft.user, let refusal = report.refusal,
            let credentials = passage.credentials(
                of: user, answering: refusal, method: approach.message.method, uri: draft.target)
        {
            isChallenged = true
            approach = try self.approach(draft.message(credentials: credentials), question)
            report = examine(approach, with: &passage, now: now)
        }
        return describe(
            report, approach, entrance, knowsUser: draft.user.flatMap { passage.knows(user: $0) }, isChallenged)
    }

    private func entrance(for question: Rehearsal) throws(RehearsalError) -> Entrance {
        let listening = settings.listeners.first { $0.transport == question.transport }?.profile
        guard let name = question.profile ?? listening else {
            throw RehearsalError(
                field: "transport", description: "no listener has the transport \(question.transport.rawValue)")
        }
        guard let entrance = entrances[name] else {
            throw RehearsalError(
                field: "profile", description: "there is no such profile; there are \(entrances.keys.sorted())")
        }
        return entrance
    }

    private func approach(_ text: String, _ question: Rehearsal) throws(RehearsalError) -> Approach {
        let message: Message
        do {
            message = try Message(parsing: Array(text.utf8))
        } catch {
            throw RehearsalError(field: "to", description: "this makes no SIP request: \(error)")
        }
        let isTLS = question.transport == .tls
        return Approach(
            message: message, source: question.source, transport: question.transport,
            security: isTLS ? TransportFacts(version: "TLSv1.3", cipherSuite: "TLS_AES_256_GCM_SHA384") : nil,
            isOwnDomain: message.requestURI.map { uri in
                settings.servedNames.contains { $0.description == uri.host.description.lowercased() }
            } ?? false)
    }

    private func examine(_ approach: Approach, with passage: inout Passage, now: Moment) -> PassageReport {
        passage.examine(
            approach, now: now, activeCalls: { common.calls(of: $0) },
            hasRoom: { hasRoomForCalls && overload.limit == nil })
    }

    private func describe(
        _ report: PassageReport, _ approach: Approach, _ entrance: Entrance, knowsUser: Bool?, _ isChallenged: Bool
    ) -> RehearsalReport {
        var result = RehearsalReport()
        for step in report.steps {
            result.verdicts.append(
                verdict(step, report, approach, entrance, knowsUser: knowsUser, isChallenged: isChallenged))
        }
        if report.isOverloaded {
            result.verdicts.append(
                .init(
                    layer: Layer.authentication.index + 1, name: "capacity", outcome: "refuse",
                    detail: "the edge is overloaded and takes no new calls on", status: 503,
                    reason: "Service Unavailable"))
        }
        result.isAdmitted = report.refusal == nil && !report.isOverloaded
        if result.isAdmitted, isWitnessFailing, settings.refusesWithoutWitness {
            result.isAdmitted = false
            result.verdicts.removeLast()
            result.verdicts.append(
                .init(
                    layer: Layer.witness.index + 1, name: Layer.witness.rawValue, outcome: "refuse",
                    detail: "the witness can't be written", status: 503, reason: "Service Unavailable"))
        }
        guard result.isAdmitted else { return result }
        switch settings.routes.decide(
            approach.message, profile: entrance.name, tag: report.facts.organization?.tag,
            destination: report.facts.destination, contact: { experts.find($0)?.contact })
        {
        case .forward(let decision): result.route = (decision.route, Self.text(decision.destination))
        case .noRoute: result.isAdmitted = false
        case .noContact(let route):
            result.isAdmitted = false
            result.route = (route, "an expert without a contact")
        }
        return result
    }

    private static func text(_ destination: RouteDecision.Destination) -> String {
        switch destination {
        case .uri(let uri): uri.text
        case .pool(let name): "pool:\(name)"
        }
    }

    private func verdict(
        _ step: PassageReport.Step, _ report: PassageReport, _ approach: Approach, _ entrance: Entrance,
        knowsUser: Bool?, isChallenged: Bool
    ) -> RehearsalReport.Verdict {
        let refusal = step.outcome == .refuse ? report.refusal : nil
        let outcome =
            switch step.outcome {
            case .pass: "pass"
            case .notApplicable: "skip"
            case .refuse: refusal?.kind == .challenged ? "challenge" : "refuse"
            }
        var detail = refusal.map { $0.cause.rawValue.replacing("_", with: " ") } ?? explanation(step, report, entrance)
        if step.layer == .authentication, refusal != nil, isChallenged, knowsUser == false {
            detail = "there is no such subscriber"
        }
        return .init(
            layer: step.layer.index + 1, name: step.layer.rawValue, outcome: outcome, detail: detail,
            status: refusal?.answer?.status, reason: refusal?.answer?.reason)
    }

    /// What a layer that does not refuse goes by.
    private func explanation(_ step: PassageReport.Step, _ report: PassageReport, _ entrance: Entrance) -> String {
        guard step.outcome == .pass else { return "switched off in profile \(entrance.name), or does not apply" }
        let facts = report.facts
        return switch step.layer {
        case .sourceRate: "within the rate"
        case .allowlist: facts.organization.map { "\($0.tag), group \($0.group)" } ?? "allowed"
        case .transportSecurity: "good enough"
        case .authentication: facts.authenticatedUser.map { "as \($0)" } ?? "authenticated"
        case .callRate: facts.rateStatus.map { "\($0) calls" } ?? "within the rate"
        case .policyGuard: facts.expert.map { "\($0.id) covers \(facts.hazard ?? "")" } ?? "approved"
        case .witness: "would be written down"
        }
    }
}

/// The request that a question is about, as text.
private struct RehearsalRequest {
    let user: String?
    let target: String
    private let question: Rehearsal
    private let fields: [(String, String)]
    private let from: String

    /// Fields that every request has, or that are made here.
    private static let own: Set<String> = [
        "via", "max-forwards", "from", "to", "call-id", "cseq", "contact", "content-length", "authorization",
        "proxy-authorization",
    ]

    init(_ question: Rehearsal, _ policy: DefensePolicy, domain: String) throws(RehearsalError) {
        if let name = question.headers.first(where: { Self.own.contains($0.name.lowercased()) })?.name {
            throw RehearsalError(field: "headers.\(name)", description: "is made here and can't be given")
        }
        self.question = question
        user = question.user.map { String($0.prefix { $0 != "@" }) }
        target = question.target ?? "sip:anybody@\(domain)"
        from =
            question.user.map { $0.contains("@") ? $0 : "\($0)@\(policy.authentication?.realm ?? domain)" }
            ?? "anonymous@anonymous.invalid"
        var fields = question.headers.map { ($0.name, $0.value) }
        if let rules = policy.policyGuard {
            let given = Set(fields.map { $0.0.lowercased() })
            if !given.contains(rules.traceHeader.lowercased()) {
                fields.append((rules.traceHeader, question.traceID ?? "rehearsal"))
            }
            if let hazard = question.hazard, !given.contains(rules.hazardHeader.lowercased()) {
                fields.append((rules.hazardHeader, hazard))
            }
        }
        self.fields = fields
    }

    func message(credentials: (name: String, value: String)?) -> String {
        var lines = [
            "\(question.method) \(target) SIP/2.0",
            "Via: SIP/2.0/\(question.transport.rawValue.uppercased()) \(question.source);branch=z9hG4bKrehearsal",
            "Max-Forwards: 70", "From: <sip:\(from)>;tag=rehearsal", "To: <\(target)>", "Call-ID: rehearsal",
            "CSeq: \(credentials == nil ? 1 : 2) \(question.method)", "Contact: <sip:rehearsal@\(question.source)>",
        ]
        lines += fields.map { "\($0.0): \($0.1)" }
        if let credentials { lines.append("\(credentials.name): \(credentials.value)") }
        return lines.joined(separator: "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
    }
}
