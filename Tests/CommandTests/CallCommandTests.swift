import TestSupport
import CoreTypes
import Foundation
import SIPMessage
import Testing
import TransportSecurity
import UserAgent

@Suite("The command call", .timeLimit(.minutes(1)))
final class CallCommandTests {
    private let program: Program

    init() throws {
        program = try Program()
    }

    /// Runs `call` against a phone, by a thread that the phone does not need.
    private func call(_ arguments: [String], input: String = "") async throws -> Outcome {
        let program = program
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try program.run(["call"] + arguments, input: input) })
            }
        }
    }

    private func phone(_ manner: AnsweringPhone.Manner = .init(ringsFor: nil)) async throws -> AnsweringPhone {
        try await AnsweringPhone(on: [(.udp, Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))], manner: manner)
    }

    @Test("every answer is printed and a 2xx to all calls is success")
    func answered() async throws {
        let phone = try await phone(.init())
        let outcome = try await call(["sip:a@\(phone.endpoints[0])", "--hold", "1ms", "--count", "2"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("call 2 of 2: "))
        #expect(outcome.output.components(separatedBy: "180 Ringing").count == 3)
        #expect(outcome.output.components(separatedBy: "BYE answered with 200").count == 3)
        await phone.shutdown()
    }

    @Test("JSON is one object a call, and a refusal is exit code 1")
    func refused() async throws {
        let phone = try await phone(.init(ringsFor: nil, status: 403, reason: "Forbidden"))
        let outcome = try await call(
            [
                "sip:a@\(phone.endpoints[0])", "--json", "--count", "2", "--hazard", "safety", "--trace-id", "t-1",
                "--header", "X-Other: a: b", "--username", "expert-ethics", "--password", "x",
            ])
        #expect(outcome.code == 1)
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines {
            let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["status"] as? Int == 403)
            #expect(object["reason"] as? String == "Forbidden")
            #expect(object["ms"] is Double)
            #expect((object["headers"] as? [String: String])?["CSeq"] == "1 INVITE")
        }
        let invite = try #require(phone.received.first?.message)
        for (name, value) in [("X-IF-Hazard", "safety"), ("X-IF-Trace-ID", "t-1"), ("X-Other", "a: b")] {
            #expect(invite.all(named: name).map { invite.text($0.value) } == [value])
        }
        #expect(invite.from.uri.text == "sip:expert-ethics@127.0.0.1")
        await phone.shutdown()
    }

    @Test("a server that is not there is said to be so")
    func absent() async throws {
        let outcome = try await call(["sip:a@127.0.0.1:1", "--transport", "tcp", "--json"])
        #expect(outcome.code == 1)
        let object = try #require(outcome.json as? [String: Any])
        #expect(object["status"] as? Int == 0)
        #expect(object["reason"] as? String == "not sent: connection_refused")
    }

    @Test("a call over TLS trusts the authority that is named, and goes where the proxy is")
    func secured() async throws {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let files = try DevelopmentCertificates.issue(into: program.directory + "/tls", now: now)
        let phone = try await AnsweringPhone(
            on: [(.tls, Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))],
            tls: ServerTLS.context(
                certificate: files.server, key: files.serverKey, trust: files.authority, clientCertificate: .required,
                clock: { now }))
        let arguments = [
            "sips:expert-safety@external.advisor", "--proxy", phone.endpoints[0].description, "--hold", "0",
            "--certificate", files.client, "--key", files.clientKey, "--json",
        ]
        let trusting = try await call(arguments + ["--ca", files.authority])
        #expect(trusting.code == 0, "\(trusting.output)\(trusting.errors)")
        #expect(phone.received.first?.message.requestURI?.text == "sips:expert-safety@external.advisor")
        let wary = try await call(arguments)
        #expect(wary.code == 1)
        #expect(wary.output.contains("tls_failed"))
        await phone.shutdown()
    }

    @Test(
        "what makes no sense is a usage error",
        arguments: [
            ["http://a"], ["sips:a@b", "--transport", "udp"], ["sip:a@b", "--count", "0"],
            ["sip:a@b", "--header", "none"], ["sip:a@b", "--header", "a b: c"], ["sip:a@b", "--password", "x"],
            ["sip:a@b", "--key-id", "x"], ["sip:a@b", "--certificate", "x"], ["sip:a@b", "--hold", "2"],
            ["sip:a@b", "--hazard", "a\nb"], ["sip:a@b", "--transport", "ws"],
        ])
    func usage(arguments: [String]) async throws {
        #expect(try await call(arguments).code == 64)
    }
}
