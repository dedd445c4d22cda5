import CoreTypes
import SIPMessage

/// What an external policy service is asked about a request that the guard's own rules have passed.
public struct PolicyQuestion: Sendable, Equatable, Encodable {
    public var method: String
    public var callID: String
    public var traceID: String?
    public var hazard: String?
    /// The expert of the call, and their organization in the registry.
    public var expert: String?
    public var expertOrganization: String?
    /// `user@realm`, proven by a digest; nil where the profile does not authenticate.
    public var caller: String?
    /// As From claims.
    public var from: String
    /// The allowlist's tag for the source.
    public var organization: String?
    public var sourceIP: String
    public var transport: String
    public var requestURI: String
    /// The key that signed it.
    public var signedBy: String?

    enum CodingKeys: String, CodingKey {
        case method, hazard, expert, caller, from, organization, transport
        case callID = "call_id"
        case traceID = "trace_id"
        case expertOrganization = "expert_organization"
        case sourceIP = "source_ip"
        case requestURI = "request_uri"
        case signedBy = "signed_by"
    }

    init(_ approach: Approach, _ facts: PassageFacts) {
        method = approach.message.method.name.bounded
        callID = approach.message.callID.bounded
        traceID = facts.traceID
        hazard = facts.hazard
        expert = facts.expert?.id
        expertOrganization = facts.expert?.organization
        caller = facts.authenticatedUser
        from = approach.message.text(approach.message.fromURI.range).bounded
        organization = facts.organization?.tag
        sourceIP = approach.source.address.description
        transport = approach.transport.rawValue
        requestURI = approach.message.requestURIText.bounded
        signedBy = facts.signingKey
    }
}

extension Guard {
    /// The policy service has refused a request.
    /// - Parameter reason: what it said, for the operator only.
    public static func denied(_ approach: Approach, _ facts: PassageFacts, reason: String) -> Refusal {
        Refusal(
            .policyGuard, .policyDenied, answer: .init(403, "Forbidden", fields: [reasonField]),
            event: approach.draft(
                .policyRejected, .warning, facts: facts,
                .details(rejection(.policyDenied, facts) + [.init("said", .string(reason.bounded))])))
    }

    /// The policy service could not be asked, or gave no answer that can be used: a fault of ours, that counts for
    /// nobody's failure.
    public static func unanswered(_ approach: Approach, _ facts: PassageFacts, fault: String) -> Refusal {
        Refusal(
            .policyGuard, .policyUnavailable,
            answer: .init(503, "Service Unavailable", fields: [("Retry-After", "5")]),
            event: approach.draft(
                .securityRejected, .alert, facts: facts,
                .details(rejection(.policyUnavailable, facts) + [.init("fault", .string(fault.bounded))])))
    }
}
