public import CoreTypes
public import SIPMessage

/// The branches that the edge puts into its Via: a part that is unique, and a keyed hash of what must differ for a
/// request to be a spiral rather than a loop (RFC 3261 section 16.6 step 8, RFC 5393 section 4.2).
public struct BranchMint: Sendable {
    public var secret: NodeSecret
    private let shard: UInt8
    private var counter: UInt64

    /// - Parameters:
    ///   - shard: the loop that responses belong to.
    ///   - start: a random number; branches of two runs must differ.
    public init(secret: NodeSecret, shard: UInt8, start: UInt64) {
        self.secret = secret
        self.shard = shard
        self.counter = start
    }

    /// For a request that is forwarded.
    public mutating func mint(for request: Message) -> Branch {
        Branch(shard: shard, unique: unique(), loop: loopHash(of: request))
    }

    /// For a request of the edge's own.
    public mutating func mint() -> Branch {
        Branch(shard: shard, unique: unique(), loop: nil)
    }

    private mutating func unique() -> UInt64 {
        counter &+= 1
        var state = secret.begin("branch")
        state.absorb(counter)
        return state.finish().first
    }

    /// Whether the request has been here before with everything that matters the same: a loop.
    public func isLoop(_ request: Message) -> Bool {
        var hash: UInt64?
        for via in request.viaShapes {
            // Another edge with the same key may have made it.
            guard let range = via.branch, let found = Branch(request, range)?.loop else { continue }
            let own = hash ?? loopHash(of: request)
            hash = own
            if found == own { return true }
        }
        return false
    }

    private func loopHash(of request: Message) -> UInt64 {
        let bytes = request.bytes
        var state = secret.begin("loop")
        state.absorb(bytes, request.requestURIShape?.range ?? 0..<0)
        state.absorb(bytes, request.fromTagRange ?? 0..<0)
        state.absorb(bytes, request.toTagRange ?? 0..<0)
        state.absorb(bytes, request.callIDRange)
        state.absorb(UInt64(request.cSeq.number))
        for field in request.fields where field.name == .route || field.name == .proxyRequire {
            state.absorb(bytes, field.value)
        }
        return state.finish().first
    }
}
