/// The messages of one caller, made once. Their gaps take a call's number: the branch, the From tag and the Call-ID are
/// that number, so that whatever comes back names its call.
struct Templates {
    /// Stands in each branch before the number; a letter behind it says which request it was.
    static let marker: StaticString = "z9hG4bK-L"

    let options: Template
    let malformed: Template
    let invite: Template
    let authorizedHead: Template
    let authorizedTail: Template
    let credentialsHead: Piece
    let firstAckHead: Template
    let firstAckTail: Template
    let secondAckHead: Template
    let secondAckTail: Template
    let dialogAckHead: Template
    let dialogAckTail: Template
    let byeHead: Template
    let byeTail: Template
    /// Of user, realm and password, in hexadecimal.
    let passwordDigest: [UInt8]
    let requestDigest: [UInt8]

    init(user: String, password: String, sentBy: String, transport: String, plan: Plan) {
        let gap = String(Template.gap)
        let target = "sip:\(plan.called)@\(plan.domain)"
        let marker = "\(Self.marker)\(gap)"
        func via(_ step: String) -> String { "Via: SIP/2.0/\(transport) \(sentBy);rport;branch=\(marker)\(step)" }
        let from = "From: <sip:\(user)@\(plan.domain)>;tag=\(gap)"
        let to = "To: <\(target)>"
        let callID = "Call-ID: \(gap)@load"
        let contact =
            "Contact: <sip:\(user)@\(sentBy)\(transport == "UDP" ? "" : ";transport=\(transport.lowercased())")>"
        let trace = "X-IF-Trace-ID: \(gap)"
        let fields = (plan.hasTrace ? [trace] : []) + ["X-IF-Hazard: safety"]
        let body = Self.session
        let length = Self.session.reduce(0) { $0 + $1.utf8.count + 2 }
        let tail = ["User-Agent: load", "Content-Type: application/sdp", "Content-Length: \(length)", ""]
        let empty = ["Content-Length: 0", ""]
        let forwards = "Max-Forwards: 70"

        options = Template(
            ["OPTIONS sip:\(plan.domain) SIP/2.0", via("o"), forwards, from, "To: <sip:\(plan.domain)>", callID]
                + ["CSeq: 1 OPTIONS", contact, "User-Agent: load"] + empty)
        malformed = Template(
            ["INVITE \(target) SIP/2.0", via("o"), forwards, from, to, callID, "CSeq: one INVITE", contact] + fields
                + tail + body)
        invite = Template(
            ["INVITE \(target) SIP/2.0", via("i"), forwards, from, to, callID, "CSeq: 1 INVITE", contact] + fields
                + tail + body)
        authorizedHead = Template(
            ["INVITE \(target) SIP/2.0", via("a"), forwards, from, to, callID, "CSeq: 2 INVITE", contact] + fields)
        authorizedTail = Template(tail + body)
        credentialsHead = Piece(
            "uthorization: Digest username=\"\(user)\", realm=\"\(plan.realm)\", uri=\"\(target)\", algorithm="
                + "\(plan.algorithm.rawValue), qop=auth, nc=00000001, cnonce=\"load\", nonce=\"")
        firstAckHead = Template(["ACK \(target) SIP/2.0", via("i"), forwards, from])
        firstAckTail = Template([callID, "CSeq: 1 ACK"] + empty)
        secondAckHead = Template(["ACK \(target) SIP/2.0", via("a"), forwards, from])
        secondAckTail = Template([callID, "CSeq: 2 ACK"] + empty)
        dialogAckHead = Template([via("k"), forwards, from])
        dialogAckTail = Template([callID, "CSeq: \(plan.isAuthenticated ? 2 : 1) ACK"] + empty)
        byeHead = Template([via("b"), forwards, from])
        byeTail = Template([callID, "CSeq: 3 BYE", "User-Agent: load"] + empty)
        passwordDigest = Digest.hexadecimal(plan.algorithm, Array("\(user):\(plan.realm):\(password)".utf8))
        requestDigest = Digest.hexadecimal(plan.algorithm, Array("INVITE:\(target)".utf8))
    }

    /// The last empty line of a message's header is that of `tail`; these lines end the message.
    static let session = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 40000 RTP/AVP 0 8",
        "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
    ]
}
