import CoreTypes
import Defense
import Foundation
import SIPMessage
import TestSupport
import Testing
import Witness

/// One way to be refused, and the one record that tells of it.
private struct Offense: Sendable {
    let name: String
    var way = Way.udp
    let kind: SecurityEvent.Kind
    /// The detail `reason`; nil where the event says it all.
    let reason: String?
    /// The answer; nil: silence.
    let status: Int?
    /// The request as the offender sends it.
    let request: @Sendable (Caller, CallIdentity) -> [UInt8]

    init(
        _ name: String, _ kind: SecurityEvent.Kind, _ reason: String?, _ status: Int?, by way: Way = .udp,
        _ request: @escaping @Sendable (Caller, CallIdentity) -> [UInt8]
    ) {
        self.name = name
        self.way = way
        self.kind = kind
        self.reason = reason
        self.status = status
        self.request = request
    }

    /// A plain INVITE with something changed in it.
    static func invite(
        uri: String = "sip:bob@external.advisor", _ lines: [String] = ["Max-Forwards: 70"], old: String = "",
        new: String = "", authenticates: Bool = true
    ) -> @Sendable (Caller, CallIdentity) -> [UInt8] {
        { caller, call in
            let text = caller.request("INVITE", call, uri: uri, lines: lines, authenticates: authenticates)
            return Array((old.isEmpty ? text : text.replacing(old, with: new)).utf8)
        }
    }

    private static func bytes(_ octets: [UInt8]) -> @Sendable (Caller, CallIdentity) -> [UInt8] {
        { caller, call in
            let text = Array(caller.request("INVITE", call, lines: ["Max-Forwards: 70", "Subject: @@"]).utf8)
            guard let mark = text.firstRange(of: Array("@@".utf8)) else { return text }
            return Array(text[..<mark.lowerBound]) + octets + Array(text[mark.upperBound...])
        }
    }

    static let all: [Offense] = [
        .init("no Max-Forwards left", .securityRejected, "too_many_hops", 483, invite(["Max-Forwards: 0"])),
        .init(
            "an extension", .securityRejected, "bad_extension", 420,
            invite(["Max-Forwards: 70", "Proxy-Require: foo"])),
        .init("another scheme", .securityRejected, "unsupported_scheme", 416, invite(uri: "tel:+12025550100")),
        .init(
            "a foreign Route", .securityRejected, "foreign_route", 403,
            invite(["Max-Forwards: 70", "Route: <sip:198.51.100.7;lr>"])),
        .init(
            "a foreign Request-URI", .securityRejected, "foreign_request_uri", 403, invite(uri: "sip:x@169.254.169.254")
        ),
        .init(
            "a dialog of nobody", .securityRejected, "unknown_call", 481,
            invite(old: "To: <sip:bob@external.advisor>", new: "To: <sip:bob@external.advisor>;tag=guess")),
        .init("no server by TLS", .securityRejected, "no_secure_target", 480, invite(uri: "sips:bob@external.advisor")),
        .init("NUL", .malformedMessage, nil, 400, bytes([0x61, 0, 0x62])),
        .init("ESC", .malformedMessage, nil, 400, bytes(Array("\u{1b}]0;owned\u{7}".utf8))),
        .init(
            "quotes and backslashes", .malformedMessage, nil, 400,
            invite(old: "CSeq: 1", new: "CSeq: \\\"},{\"event_type\":\"POLICY_APPROVED\",\"x\":\"")),
        .init(
            "no UTF-8 in a name", .malformedMessage, nil, nil,
            { _, _ in Array("INVITE sip:b@x SIP/2.0\r\n".utf8) + [0xff, 0xfe, 0xc0, 0x22, 0x5c, 0x0a] }),
        .init("no credentials", .authChallenge, "no_credentials", 401, by: .tls, invite(authenticates: false)),
        .init(
            "a wrong password", .authFailed, "wrong_credentials", 401, by: .tls,
            invite(old: "response=\"", new: "response=\"00")),
        .init(
            "another's name", .authFailed, "identity_mismatch", 403, by: .tls,
            invite(old: "From: <sip:caller@", new: "From: <sip:ceo@")),
        .init(
            "no trace", .policyRejected, "missing_header", 400, by: .tls,
            invite(old: "X-IF-Trace-ID", new: "X-Nothing")),
        .init(
            "an unknown hazard", .policyRejected, "unknown_hazard", 400, by: .tls,
            invite(old: "Hazard: safety", new: "Hazard: \\\"x")),
        .init(
            "a hazard that is not theirs", .policyRejected, "hazard_not_covered", 403, by: .tls,
            invite(old: "Hazard: safety", new: "Hazard: ethics")),
    ]
}

extension Conformance {
    @Suite("Refusals in the witness")
    struct RefusalTests {
        /// 127.0.0.0 to 127.0.0.127 are let in.
        private func laboratory() async throws -> Laboratory {
            try await Laboratory(
                rates: "source_rate: {requests: 40, per: 10s, forget_after: 120s}",
                experts: ", call_rate: {calls: 6, per: 60s}", trunks: ", call_rate: {calls: 50000, per: 60s}",
                allows: ["127.0.0.0/25", "::1/128"])
        }

        private func records(
            of source: IPAddress, _ kind: SecurityEvent.Kind, _ records: [WitnessRecord]
        ) -> [WitnessRecord] {
            records.filter { $0.sourceIP == source.description && $0.kind == kind.rawValue }
        }

        @Test("row 29: each refusal is one true record, whatever it was about")
        func records() async throws {
            let lab = try await laboratory()
            for (index, offense) in Offense.all.enumerated() {
                let caller = try await lab.caller(offense.way, from: source(index))
                let call = CallIdentity("offense")
                caller.wire.send(offense.request(caller, call))
                if let status = offense.status {
                    try await eventually("\(offense.name): \(status)") {
                        caller.wire.mailbox.everything.contains {
                            $0.octets.starts(with: Array("SIP/2.0 \(status) ".utf8))
                        }
                    }
                }
                try await lab.fence()
                #expect(!lab.downstream.knows(call.callID), "\(offense.name)")
                try await caller.wire.close()
            }
            let stranger = IPAddress(v4: 0x7f00_00c8)
            let outside = try await lab.caller(.udp, from: stranger)
            let denied = CallIdentity("denied")
            outside.send(outside.request("INVITE", denied))
            _ = try await outside.response(403, denied)
            let plain = try await Caller(.tcp, to: try lab.address(.tls), from: source(100), tls: nil)
            let unencrypted = CallIdentity("plain")
            plain.send(plain.request("INVITE", unencrypted))
            _ = try await plain.response(403, unencrypted)
            // The guard stands behind the call rate: those that it has refused have counted as calls.
            let eager = try await lab.caller(.tls, from: source(101))
            for _ in 0..<3 {
                let call = CallIdentity("eager")
                eager.send(eager.request("INVITE", call))
                try await lab.downstream.request(.invite, of: call.callID).answer(486, "Busy Here")
                _ = try await eager.response(486, call)
            }
            let fourth = CallIdentity("eager")
            eager.send(eager.request("INVITE", fourth))
            _ = try await eager.response(429, fourth)
            try await lab.close()

            let log = try lab.edge.records()
            for (index, offense) in Offense.all.enumerated() {
                // By TLS the caller's own first challenge is another.
                let told = records(of: source(index), offense.kind, log)
                    .dropFirst(offense.kind == .authChallenge ? 1 : 0)
                #expect(told.count == 1, "\(offense.name): \(told.map(\.line))")
                if let reason = offense.reason { #expect(told.first?.text("reason") == reason, "\(offense.name)") }
                #expect(told.first?[detail: "source_port"] != nil, "\(offense.name)")
            }
            #expect(records(of: stranger, .ipNotAllowlisted, log).map { $0.text("call_id") } == [denied.callID])
            #expect(
                records(of: source(100), .securityEvent, log).map { $0.text("reason") } == ["plain_transport"])
            let rate = records(of: source(101), .rateLimitExceeded, log)
            #expect(rate.count == 1 && rate.first?.expertID == "caller@external.advisor")
            #expect(rate.first?.text("call_id") == fourth.callID)
            try verify(lab, log)
        }

        @Test("row 29: 500 equal refusals add up to 500")
        func flood() async throws {
            let lab = try await laboratory()
            let caller = try await lab.caller(.udp, from: source(102))
            let passing = CallIdentity("passing")
            for index in 0..<540 {
                caller.send(
                    caller.request(
                        "OPTIONS", index < 40 ? passing : CallIdentity("many"), uri: "sip:\(caller.wire.remote)"))
                guard index % 50 == 39 else { continue }
                // So that none is lost on the way: what a socket takes is bounded.
                try await eventually("they are taken") {
                    try await lab.edge.metric("sip_requests_total") >= Double(index + 1)
                }
            }
            try await eventually("all are taken") { try await lab.edge.metric("sip_requests_total") >= 540 }
            #expect(caller.count(200, passing) == 40)
            try await lab.close()
            let log = try lab.edge.records()
            let told = records(of: source(102), .rateLimitExceeded, log)
            #expect(told.map { $0.number("count") ?? 1 }.reduce(0, +) == 500)
            #expect(told.count < 20)
            // Answered once, and then no more.
            #expect(caller.wire.mailbox.count { $0.status == 503 } == 1)
            try verify(lab, log)
        }

        private func source(_ index: Int) -> IPAddress { IPAddress(v4: 0x7f00_000a + UInt32(index)) }

        /// Every line is JSON for everybody, and `witness verify` finds nothing.
        private func verify(_ lab: Laboratory, _ log: [WitnessRecord]) throws {
            for record in log {
                let object = try JSONSerialization.jsonObject(with: Data(record.line.utf8)) as? [String: Any]
                #expect(object?["event_type"] as? String == record.kind)
                #expect(record.line.utf8.allSatisfy { $0 >= 32 && $0 != 127 })
            }
            let outcome = try lab.edge.program.run("witness", "verify")
            #expect(outcome.code == 0 && outcome.output.contains("intact"), "\(outcome.output)\(outcome.errors)")
            try Ledger.note(29, ["udp", "tls"])
        }
    }
}
