public import CoreTypes
public import SIPMessage

/// What a request must have in common with an earlier one to belong to its server transaction (RFC 3261 section
/// 17.2.3), and where it must come from: a CANCEL or ACK with a guessed branch from elsewhere matches nothing.
public struct ServerTransactionKey: Hashable, Sendable {
    private let identity: String
    /// INVITE for ACK and CANCEL too when looked up that way.
    private let method: Method
    private let source: Endpoint

    /// - Parameters:
    ///   - method: the method of the transaction looked for: the request's own, INVITE for an ACK or CANCEL.
    ///   - source: where the request came from. Port 0 for streams: a peer may open a second connection.
    public init(_ request: Message, method: Method, source: Endpoint) {
        let via = request.topVia
        self.method = method
        self.source = source
        if let branch = via.branch, via.hasMagicCookie, branch.utf8.count > Via.magicCookie.utf8.count {
            let port = via.port.map { ":\($0)" } ?? ""
            identity = "\(branch) \(via.host)\(port)"
        } else {
            // RFC 2543 peers: everything that a retransmission has in common with its original. The To tag is not
            // among it, since an ACK carries the tag of the response.
            identity =
                "\(request.requestURI?.text ?? "") \(request.fromTag ?? "") \(request.callID) "
                + "\(request.cSeq.number) \(request.text(via.range))"
        }
    }
}

/// What a response must have in common with a request that was sent (RFC 3261 section 17.1.3).
public struct ClientTransactionKey: Hashable, Sendable {
    public let branch: String
    public let method: Method

    public init(branch: String, method: Method) {
        self.branch = branch
        self.method = method
    }

    /// Nil when the topmost Via has no branch: such a response is nobody's.
    public init?(response: Message) {
        guard let branch = response.topVia.branch else { return nil }
        self.init(branch: branch, method: response.cSeq.method)
    }
}
