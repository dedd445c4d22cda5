public import CoreTypes
public import SIPMessage

/// What a request must have in common with an earlier one to belong to its server transaction (RFC 3261 section
/// 17.2.3), and where it must come from: a CANCEL or ACK with a guessed branch from elsewhere matches nothing.
public struct ServerTransactionKey: Hashable, Sendable {
    /// A keyed hash of what must be the same: nobody finds two requests that have it in common.
    private let identity: KeyedHash.Value
    /// INVITE for ACK and CANCEL too when looked up that way.
    private let method: Method
    private let source: Endpoint

    /// - Parameters:
    ///   - method: the method of the transaction looked for: the request's own, INVITE for an ACK or CANCEL.
    ///   - source: where the request came from. Port 0 for streams: a peer may open a second connection.
    public init(_ request: Message, method: Method, source: Endpoint, secret: NodeSecret) {
        self.method = method
        self.source = source
        let via = request.topViaShape
        let bytes = request.bytes
        var state = secret.begin("transaction")
        if let branch = via.branch, branch.count > Via.magicCookie.utf8.count,
            request.equals(branch.lowerBound..<branch.lowerBound + Via.magicCookie.utf8.count, Via.magicCookie)
        {
            state.absorb(bytes, branch)
            if let address = via.host.address {
                state.absorb(address)
            } else {
                state.absorb(request.topVia.host.description)
            }
            state.absorb(UInt64(via.port ?? 0))
        } else {
            // RFC 2543 peers: everything that a retransmission has in common with its original. The To tag is not
            // among it, since an ACK carries the tag of the response.
            state.absorb(bytes, request.requestURIShape?.range ?? 0..<0)
            state.absorb(bytes, request.fromTagRange ?? 0..<0)
            state.absorb(bytes, request.callIDRange)
            state.absorb(UInt64(request.cSeq.number))
            state.absorb(bytes, via.range)
        }
        identity = state.finish()
    }
}

/// What a response must have in common with a request that was sent (RFC 3261 section 17.1.3).
public struct ClientTransactionKey: Hashable, Sendable {
    public let branch: Branch
    public let method: Method

    public init(branch: Branch, method: Method) {
        self.branch = branch
        self.method = method
    }

    /// Nil when the topmost Via has no branch that the edge could have made: such a response is nobody's.
    public init?(response: Message) {
        guard let range = response.topViaShape.branch, let branch = Branch(response, range) else { return nil }
        self.init(branch: branch, method: response.cSeq.method)
    }
}
