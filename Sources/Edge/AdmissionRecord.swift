import CoreTypes
import Defense
import SIPMessage

/// The record that a forwarded request depends on: who, for what, and what each layer said.
enum AdmissionRecord {
    static func event(
        _ report: PassageReport, approach: Approach, route: String, call: String?
    ) -> SecurityEvent {
        let facts = report.facts
        var details: [SecurityEvent.Detail] = [
            .init("result", "admitted"),
            .init("method", .string(approach.message.method.name)),
            .init("request_uri", .string(approach.message.requestURIText.cut(to: 256))),
            .init("from", .string(approach.message.text(approach.message.fromURI.range).cut(to: 256))),
            .init("call_id", .string(approach.message.callID.cut(to: 256))),
            .init("source_port", .integer(Int(approach.source.port))),
            .init("transport", .string(approach.transport.rawValue)),
            .init("route", .string(route)),
            .init("authenticated", .boolean(facts.authenticatedUser != nil)),
        ]
        if let call { details.append(.init("call", .string(call))) }
        if let security = approach.security {
            details.append(.init("tls_version", .string(security.version)))
            details.append(.init("cipher_suite", .string(security.cipherSuite)))
        }
        if let organization = facts.organization {
            details.append(.init("organization", .string(organization.tag)))
        }
        if let user = facts.authenticatedUser { details.append(.init("user", .string(user))) }
        if let status = facts.rateStatus { details.append(.init("rate_limit_status", .string(status))) }
        if let hazard = facts.hazard { details.append(.init("hazard", .string(hazard))) }
        if let expert = facts.expert { details.append(.init("expert", .string(expert.id))) }
        if let key = facts.signingKey { details.append(.init("signed_by", .string(key))) }
        if let destination = facts.destination { details.append(.init("destination", .string(destination.text))) }
        if let service = facts.policyService { details.append(.init("policy_service", .string(service))) }
        details.append(.init("passage", .strings(report.steps.map(Self.text))))
        return SecurityEvent(
            report.guardStep != nil ? .policyApproved : .securityEvent, .info, sourceIP: approach.source.address,
            expertID: facts.expertID, traceID: facts.traceID, details: details)
    }

    /// `allowlist pass 4us`
    private static func text(_ step: PassageReport.Step) -> String {
        let verdict =
            switch step.outcome {
            case .pass: "pass"
            case .notApplicable: "off"
            case .refuse: "refuse"
            }
        return "\(step.layer.rawValue) \(verdict) \(step.nanoseconds / 1000)us"
    }
}
