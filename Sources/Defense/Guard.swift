import CoreTypes
import SIPMessage

/// Layer 6: whether *this* expert may be in *this* call.
public struct Guard: Sendable {
    public enum SignatureRule: String, Sendable, Hashable {
        case off
        case ifPresent = "if_present"
        case required
    }

    public struct Policy: Sendable, Hashable {
        public var traceHeader: String
        public var hazardHeader: String
        public var signatureHeader: String
        public var hazards: Set<String>
        public var signature: SignatureRule
        /// How far a signed Date may be from the edge's clock, either way.
        public var signatureWindow: Duration
        /// Calls that one expert may have at a time; 0: no limit.
        public var maximumConcurrentCalls: Int
        public var hours: AllowedHours
        public var destinations: AllowedDestinations
        /// Whether a policy service is asked about what passes here.
        public var asksService: Bool

        public init(
            traceHeader: String = "X-IF-Trace-ID", hazardHeader: String = "X-IF-Hazard",
            signatureHeader: String = "X-IF-Signature",
            hazards: Set<String> = ["safety", "alignment", "ethics", "bias", "security", "privacy"],
            signature: SignatureRule = .ifPresent, signatureWindow: Duration = .seconds(300),
            maximumConcurrentCalls: Int = 5, hours: AllowedHours = .init(),
            destinations: AllowedDestinations = .init(), asksService: Bool = false
        ) {
            self.traceHeader = traceHeader
            self.hazardHeader = hazardHeader
            self.signatureHeader = signatureHeader
            self.hazards = hazards
            self.signature = signature
            self.signatureWindow = signatureWindow
            self.maximumConcurrentCalls = maximumConcurrentCalls
            self.hours = hours
            self.destinations = destinations
            self.asksService = asksService
        }
    }

    private let policy: Policy
    let traceHeader: CaselessName
    private let hazardHeader: CaselessName
    private let signatureHeader: CaselessName
    private let ledger: CommonLedger

    public init(_ policy: Policy, ledger: CommonLedger) {
        self.policy = policy
        traceHeader = CaselessName(policy.traceHeader)
        hazardHeader = CaselessName(policy.hazardHeader)
        signatureHeader = CaselessName(policy.signatureHeader)
        self.ledger = ledger
    }

    /// - Parameter activeCalls: how many calls an expert has up.
    func examine(
        _ approach: Approach, experts: ExpertDirectory?, activeCalls: (String) -> Int, _ facts: inout PassageFacts,
        now: Moment
    ) -> Verdict {
        guard let experts else {
            return refuse(approach, facts, .registryUnavailable, 503, "Service Unavailable", [("Retry-After", "5")])
        }
        switch Self.header(traceHeader, approach.message) {
        case .single(let value) where Self.isTraceID(value): facts.traceID = value
        case .absent: return malformed(approach, facts, .missingHeader, "Missing \(policy.traceHeader)")
        case .single, .several: return malformed(approach, facts, .malformedHeader, "Bad \(policy.traceHeader)")
        }
        switch Self.header(hazardHeader, approach.message) {
        case .single(let value) where policy.hazards.contains(value): facts.hazard = value
        case .absent: return malformed(approach, facts, .missingHeader, "Missing \(policy.hazardHeader)")
        case .single, .several: return malformed(approach, facts, .unknownHazard, "Bad \(policy.hazardHeader)")
        }
        return examineExpert(approach, experts, activeCalls, &facts, now: now)
    }

    private func examineExpert(
        _ approach: Approach, _ experts: ExpertDirectory, _ activeCalls: (String) -> Int,
        _ facts: inout PassageFacts, now: Moment
    ) -> Verdict {
        let requestURI = approach.message.requestURI
        var callee = requestURI?.addressOfRecord.flatMap(experts.find)
        let caller = facts.authenticatedUser.flatMap(experts.find)
        if callee == nil, let target = requestURI,
            let hazard = ExpertChoice.hazard(of: target, known: policy.hazards)
        {
            guard hazard == facts.hazard else { return forbidden(approach, facts, .hazardNotCovered) }
            switch ExpertChoice.pick(
                hazard, at: target.host.description, experts, limit: policy.maximumConcurrentCalls,
                activeCalls: activeCalls)
            {
            case .expert(let chosen):
                callee = chosen
                facts.destination = URI("\(target.scheme == .sips ? "sips" : "sip"):\(chosen.id)")
            case .nobody:
                return forbidden(approach, facts, .unknownExpert)
            case .allBusy:
                return forbidden(approach, facts, .tooManyCalls)
            }
        }
        guard let expert = callee ?? caller else { return forbidden(approach, facts, .unknownExpert) }
        facts.expert = .init(
            id: expert.id, name: expert.name, organization: expert.organization, isCallee: callee != nil)
        guard expert.isVerified else { return forbidden(approach, facts, .unverifiedExpert) }
        guard let hazard = facts.hazard, expert.specializations.contains(hazard) else {
            return forbidden(approach, facts, .hazardNotCovered)
        }
        let organization = facts.organization?.tag
        guard policy.hours.allow(organization, at: now) else { return forbidden(approach, facts, .outsideHours) }
        if let target = facts.destination ?? requestURI,
            !policy.destinations.allow(organization, target)
        {
            return forbidden(approach, facts, .destinationNotAllowed)
        }
        // The caller signs: with a key of their own if they are registered, else with one of the expert's.
        let signers = [caller, expert].compactMap { $0 }
        if let refused = examineSignature(approach, signers, expert: expert, &facts, now: now) { return refused }
        if policy.maximumConcurrentCalls > 0, approach.isCall,
            activeCalls(expert.id) >= policy.maximumConcurrentCalls
        {
            return refuse(approach, facts, .tooManyCalls, 403, "Forbidden", [Self.reasonField])
        }
        return .pass
    }

    private func examineSignature(
        _ approach: Approach, _ signers: [Expert], expert: Expert, _ facts: inout PassageFacts, now: Moment
    ) -> Verdict? {
        guard policy.signature != .off else { return nil }
        let value: String
        switch Self.header(signatureHeader, approach.message) {
        case .absent:
            let isRequired = policy.signature == .required && signers.contains { !$0.keys.isEmpty }
            return isRequired ? forbidden(approach, facts, .signatureMissing) : nil
        case .several:
            return malformed(approach, facts, .malformedHeader, "Bad \(policy.signatureHeader)")
        case .single(let single):
            value = single
        }
        guard let (keyID, signature) = CallSignature.parse(value) else {
            return malformed(approach, facts, .malformedHeader, "Bad \(policy.signatureHeader)")
        }
        guard let dateText = approach.message.text(.date), let date = CivilTime.parse(sipDate: dateText) else {
            return malformed(approach, facts, .malformedHeader, "Missing or Bad Date")
        }
        let window = policy.signatureWindow.nanoseconds / 1_000_000
        guard abs(now.wall - date) <= window,
            let text = signedText(approach.message, facts, date: dateText),
            let key = signers.flatMap(\.keys).first(where: { $0.id == keyID && $0.isValid(at: now.wall) }),
            CallSignature.isValid(signature, over: text, key: key)
        else { return forbidden(approach, facts, .signatureInvalid) }
        guard ledger.isNew(signature, date: date, window: window, now: now) else {
            return forbidden(approach, facts, .signatureReplayed)
        }
        facts.signingKey = keyID
        return nil
    }

    private func signedText(_ message: Message, _ facts: PassageFacts, date: String) -> [UInt8]? {
        guard let from = message.from.uri.addressOfRecord, let target = message.requestURI,
            let traceID = facts.traceID, let hazard = facts.hazard
        else { return nil }
        return CallSignature.signedText(
            traceID: traceID, hazard: hazard, from: from, requestURI: target.signedForm, callID: message.callID,
            date: date)
    }

    // MARK: Headers

    /// The trace ID that a request carries, if it carries one of the right form.
    static func traceID(of message: Message, _ field: CaselessName) -> String? {
        if case .single(let value) = header(field, message), isTraceID(value) { value } else { nil }
    }

    private enum Header {
        case absent
        case single(String)
        case several
    }

    private static func header(_ name: CaselessName, _ message: Message) -> Header {
        switch message.single(name) {
        case .absent: .absent
        case .value(let value): .single(message.text(value))
        case .several: .several
        }
    }

    /// 1-128 of `[A-Za-z0-9._:-]`
    static func isTraceID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: ":"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    // MARK: Refusals

    /// Tells a stranger nothing: which rule it was stands in the witness.
    static let reasonField = ("Reason", "SIP;cause=403;text=\"Refused by policy\"")

    private func forbidden(_ approach: Approach, _ facts: PassageFacts, _ cause: Refusal.Cause) -> Verdict {
        refuse(approach, facts, cause, 403, "Forbidden", [Self.reasonField])
    }

    private func malformed(
        _ approach: Approach, _ facts: PassageFacts, _ cause: Refusal.Cause, _ reason: String
    ) -> Verdict {
        refuse(approach, facts, cause, 400, reason, [])
    }

    private func refuse(
        _ approach: Approach, _ facts: PassageFacts, _ cause: Refusal.Cause, _ status: Int, _ reason: String,
        _ fields: [(String, String)]
    ) -> Verdict {
        .refuse(
            Refusal(
                .policyGuard, cause, answer: .init(status, reason, fields: fields),
                event: approach.draft(.policyRejected, .warning, facts: facts, .details(Self.rejection(cause, facts)))))
    }

    /// Why, for the operator.
    static func rejection(_ cause: Refusal.Cause, _ facts: PassageFacts) -> [SecurityEvent.Detail] {
        var details: [SecurityEvent.Detail] = [.init("reason", .string(cause.rawValue))]
        if let hazard = facts.hazard { details.append(.init("hazard", .string(hazard))) }
        if let expert = facts.expert { details.append(.init("expert", .string(expert.id))) }
        return details
    }
}
