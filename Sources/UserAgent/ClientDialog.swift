internal import CoreTypes
internal import Defense
internal import SIPMessage

/// The caller's side of a dialog (RFC 3261 section 12) as far as building its requests goes.
struct ClientDialog {
    let plan: CallPlan
    let callID: String
    let local: Endpoint
    private let localTag = Token.make()
    private(set) var sequence: UInt32 = 0
    private(set) var branch = ""
    /// To as the last response had it, with the peer's tag.
    private var to: String
    private var remoteTarget: String
    private var routes: [String] = []
    private var nonceCounts: [String: Int] = [:]

    init(plan: CallPlan, callID: String, local: Endpoint) {
        self.plan = plan
        self.callID = callID
        self.local = local
        to = "<\(Self.bare(plan.target))>"
        remoteTarget = plan.target.text
    }

    /// The URI without parameters, which From and To don't carry.
    private static func bare(_ uri: URI) -> String { uri.signedForm }

    // MARK: Requests

    /// - Parameters:
    ///   - challenge: what to answer.
    ///   - date: milliseconds since 1970.
    mutating func invite(answering challenge: (field: HeaderName, DigestChallenge)?, date: Int64) -> [UInt8] {
        sequence += 1
        branch = Token.branch()
        var fields: [(String, String)] = [
            ("Contact", contact), ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS"), ("User-Agent", "sallyport"),
        ]
        let dateText = CivilTime(millisecondsSince1970: date).sipDate
        fields.append(("Date", dateText))
        if let trace = plan.traceID { fields.append(("X-IF-Trace-ID", trace)) }
        if let hazard = plan.hazard { fields.append(("X-IF-Hazard", hazard)) }
        if let signature = signature(date: dateText) { fields.append(("X-IF-Signature", signature)) }
        fields += plan.headers
        if let (field, challenge) = challenge, let value = credentials(challenge, method: "INVITE") {
            fields.append((field == .proxyAuthenticate ? "Proxy-Authorization" : "Authorization", value))
        }
        let body = SessionDescription.text(local.address)
        fields.append(("Content-Type", "application/sdp"))
        return request("INVITE", uri: plan.target.text, to: to, fields: fields, body: body)
    }

    /// For a final response that is no 2xx: part of the INVITE's transaction (RFC 3261 section 17.1.1.3).
    func acknowledgeRefusal(_ response: Message) -> [UInt8] {
        request("ACK", uri: plan.target.text, to: text(of: response.to, in: response), fields: [], body: "")
    }

    /// For a 2xx: a transaction of its own, along the route (RFC 3261 section 13.2.2.4).
    mutating func acknowledgeAnswer() -> [UInt8] {
        branch = Token.branch()
        return inDialog("ACK", sequence: sequence)
    }

    mutating func bye() -> [UInt8] {
        sequence += 1
        branch = Token.branch()
        return inDialog("BYE", sequence: sequence)
    }

    func cancel() -> [UInt8] {
        request("CANCEL", uri: plan.target.text, to: to, fields: [], body: "")
    }

    // MARK: Responses

    /// Takes the peer's tag, contact and route set from a 2xx (RFC 3261 section 12.1.2).
    mutating func establish(_ response: Message) {
        to = text(of: response.to, in: response)
        if let contact = response.addresses(.contact)?.first { remoteTarget = contact.uri.text }
        routes = (response.addresses(.recordRoute) ?? []).reversed().map { response.text($0.range) }
    }

    /// The challenge of a 401 or 407 to answer: the strongest hash function that is offered and known here.
    static func strongestChallenge(_ response: Message) -> (field: HeaderName, DigestChallenge)? {
        let field: HeaderName = response.status == 407 ? .proxyAuthenticate : .wwwAuthenticate
        let strength: [DigestAlgorithm] = [.sha512_256, .sha256, .md5]
        let challenges = response.all(field).compactMap { DigestChallenge(response.text($0.value)) }
            .filter { $0.qop.isEmpty || $0.qop.contains("auth") }
        for algorithm in strength {
            if let found = challenges.first(where: { $0.algorithm == algorithm }) { return (field, found) }
        }
        return nil
    }

    // MARK: Parts

    private var contact: String {
        let user = plan.from.user.map { $0 + "@" } ?? ""
        let transport = plan.transport == .udp ? "" : ";transport=\(plan.transport.rawValue)"
        return "<sip:\(user)\(local)\(transport)>"
    }

    private func signature(date: String) -> String? {
        guard let signer = plan.signer else { return nil }
        let text = CallSignature.signedText(
            traceID: plan.traceID ?? "", hazard: plan.hazard ?? "", from: plan.from.addressOfRecord ?? "",
            requestURI: plan.target.signedForm, callID: callID, date: date)
        return CallSignature.sign(text, keyID: signer.keyID, privateKey: signer.privateKey)
    }

    private mutating func credentials(_ challenge: DigestChallenge, method: String) -> String? {
        guard let username = plan.username, let password = plan.password else { return nil }
        let count = nonceCounts[challenge.nonce, default: 0] + 1
        nonceCounts[challenge.nonce] = count
        let digits = String(count, radix: 16)
        let nonceCount = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        let cnonce = Token.make()
        let uri = plan.target.text
        let ha1 = DigestComputation.ha1(
            challenge.algorithm, username: username, realm: challenge.realm, password: password)
        let response = DigestComputation.response(
            challenge.algorithm, ha1: ha1, method: method, uri: uri, nonce: challenge.nonce, nonceCount: nonceCount,
            cnonce: cnonce, qop: "auth")
        var text = "Digest username=\(quoted(username)), realm=\(quoted(challenge.realm)), "
        text += "nonce=\(quoted(challenge.nonce)), uri=\(quoted(uri)), response=\"\(response)\", "
        text += "algorithm=\(challenge.algorithm.rawValue), cnonce=\"\(cnonce)\", qop=auth, nc=\(nonceCount)"
        if let opaque = challenge.opaque { text += ", opaque=\(quoted(opaque))" }
        return text
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : "\($1)" } + "\""
    }

    private func text(of address: NameAddress, in message: Message) -> String { message.text(address.range) }

    private func inDialog(_ method: String, sequence: UInt32) -> [UInt8] {
        request(
            method, uri: remoteTarget, to: to, fields: routes.map { ("Route", $0) }, body: "", sequence: sequence)
    }

    private func request(
        _ method: String, uri: String, to: String, fields: [(String, String)], body: String, sequence: UInt32? = nil
    ) -> [UInt8] {
        var text = "\(method) \(uri) SIP/2.0\r\n"
        text += "Via: SIP/2.0/\(plan.transport.viaToken) \(local);branch=\(branch);rport\r\n"
        text += "Max-Forwards: 70\r\nFrom: <\(Self.bare(plan.from))>;tag=\(localTag)\r\nTo: \(to)\r\n"
        text += "Call-ID: \(callID)\r\nCSeq: \(sequence ?? self.sequence) \(method)\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        return Array(text.utf8)
    }
}
