import CoreTypes
import Defense
import NIOSSL
import TransportSecurity
import SIPMessage
import Synchronization
import TestSupport

/// What identifies a call in a test.
struct CallIdentity: Sendable {
    let callID: String
    let tag: String
    private static let counter = Atomic(0)

    init(_ word: String = "call") {
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        callID = "\(word)-\(number)"
        tag = "ct\(number)"
    }
}

/// A caller in front of the edge, on a wire of its own. By TLS it has credentials and the headers of an expert.
final class Caller: Sendable {
    let wire: Wire
    let way: Way
    private let nonce: String
    private let nonceCount = Atomic(0)
    /// Of all callers: a port may be one that the edge still remembers transactions of.
    private static let branches = Atomic(0)

    static let user = "caller"
    static let realm = "external.advisor"
    static let password = "s3cret"

    init(_ way: Way, to edge: Endpoint, from source: IPAddress? = nil, tls: TLSContext?) async throws {
        self.way = way
        wire = try await Wire.connect(way.transport, to: edge, from: source, tls: way == .tls ? tls : nil)
        guard way == .tls else {
            nonce = ""
            return
        }
        let call = CallIdentity("challenge")
        wire.send(
            Self.text(
                "MESSAGE", "sip:bob@external.advisor", call, wire, branch: "z9hG4bKchallenge-\(call.tag)",
                lines: ["Max-Forwards: 70"]))
        let challenged = try await wire.mailbox.take("a challenge") { $0.callID == call.callID }.sip
        guard let field = challenged.first(.wwwAuthenticate) ?? challenged.first(.proxyAuthenticate),
            let challenge = DigestChallenge(challenged.text(field.value))
        else { throw Failure("no challenge but \(challenged.status ?? 0)") }
        nonce = challenge.nonce
    }

    func nextBranch() -> String {
        "z9hG4bK\(wire.local.port)-\(Self.branches.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    /// `user@host` parts of the wire, for Contact and Via.
    var address: String { wire.local.description }

    /// The text of a request.
    /// - Parameters:
    ///   - lines: behind the usual fields; Max-Forwards must be among them where it is wanted.
    ///   - authenticates: adds credentials and the guard's headers by TLS.
    func request(
        _ method: String = "INVITE", _ call: CallIdentity, uri: String = "sip:bob@external.advisor",
        cSeq: Int = 1, branch: String? = nil, to: String = "<sip:bob@external.advisor>",
        viaParameters: String = ";rport", lines: [String] = ["Max-Forwards: 70"], body: String = "",
        authenticates: Bool = true
    ) -> String {
        var lines = lines
        if way == .tls, authenticates { lines += credentials(method, uri) + Self.guardLines(call) }
        return Self.text(
            method, uri, call, wire, branch: branch ?? nextBranch(), cSeq: cSeq, to: to, viaParameters: viaParameters,
            lines: lines, body: body)
    }

    static func guardLines(_ call: CallIdentity) -> [String] {
        ["X-IF-Trace-ID: \(call.callID)", "X-IF-Hazard: safety"]
    }

    func credentials(_ method: String, _ uri: String) -> [String] {
        let count = nonceCount.wrappingAdd(1, ordering: .relaxed).newValue
        let nc = String(count, radix: 16)
        let padded = String(repeating: "0", count: 8 - nc.count) + nc
        let response = DigestComputation.response(
            .sha256,
            ha1: DigestComputation.ha1(.sha256, username: Self.user, realm: Self.realm, password: Self.password),
            method: method, uri: uri, nonce: nonce, nonceCount: padded, cnonce: "c0ffee", qop: "auth")
        return [
            "Authorization: Digest username=\"\(Self.user)\", realm=\"\(Self.realm)\", nonce=\"\(nonce)\", "
                + "uri=\"\(uri)\", response=\"\(response)\", algorithm=SHA-256, cnonce=\"c0ffee\", qop=auth, nc=\(padded)"
        ]
    }

    private static func text(
        _ method: String, _ uri: String, _ call: CallIdentity, _ wire: Wire, branch: String, cSeq: Int = 1,
        to: String = "<sip:bob@external.advisor>", viaParameters: String = ";rport", lines: [String],
        body: String = ""
    ) -> String {
        let head = [
            "\(method) \(uri) SIP/2.0",
            "Via: SIP/2.0/\(wire.transport.rawValue.uppercased()) \(wire.local);branch=\(branch)\(viaParameters)",
            "From: <sip:\(user)@external.advisor>;tag=\(call.tag)", "To: \(to)", "Call-ID: \(call.callID)",
            "CSeq: \(cSeq) \(method)",
            "Contact: <sip:\(user)@\(wire.local);transport=\(wire.transport.rawValue)>",
        ]
        return (head + lines + ["Content-Length: \(body.utf8.count)"]).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    func send(_ text: String) { wire.send(text) }

    // MARK: What comes back

    /// The next response of a call that is no 100.
    func response(
        _ call: CallIdentity, method: SIPMessage.Method? = nil, within limit: Duration = .seconds(10)
    ) async throws -> Message {
        try await wire.mailbox.take("a response in \(call.callID)", within: limit) {
            !$0.isRequest && $0.callID == call.callID && $0.status != 100 && method ?? $0.method == $0.method
        }.sip
    }

    /// The next response of a call with this status.
    func response(
        _ status: Int, _ call: CallIdentity, method: SIPMessage.Method? = nil, within limit: Duration = .seconds(10)
    ) async throws -> Message {
        try await wire.mailbox.take("\(status) in \(call.callID)", within: limit) {
            $0.status == status && $0.callID == call.callID && method ?? $0.method == $0.method
        }.sip
    }

    func request(_ method: SIPMessage.Method, of call: CallIdentity) async throws -> Mailbox.Item {
        try await wire.mailbox.take("\(method.name) of \(call.callID)") {
            $0.isRequest && $0.method == method && $0.callID == call.callID
        }
    }

    /// How many responses of a status have come in a call.
    func count(_ status: Int, _ call: CallIdentity) -> Int {
        wire.mailbox.count { $0.status == status && $0.callID == call.callID }
    }

    // MARK: Dialogs

    /// A request inside the dialog that an answer has made.
    func inDialog(
        _ method: String, _ call: CallIdentity, _ answer: Message, cSeq: Int = 2, uri: String? = nil,
        routes: [String]? = nil, branch: String? = nil, lines: [String] = [], body: String = ""
    ) -> String {
        let contact = answer.addresses(.contact)?.first?.uri.text
        let recorded = answer.values(.recordRoute).map(answer.text).reversed()
        return request(
            method, call, uri: uri ?? contact ?? "sip:bob@external.advisor", cSeq: cSeq, branch: branch,
            to: "<sip:bob@external.advisor>;tag=\(answer.toTag ?? "")",
            lines: ["Max-Forwards: 70"] + (routes ?? Array(recorded)).map { "Route: \($0)" } + lines, body: body,
            authenticates: false)
    }
}
