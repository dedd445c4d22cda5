public import CoreTypes
public import SIPMessage

/// The branches that the edge puts into its Via: a magic cookie, a part that is unique, and a keyed hash of what must
/// differ for a request to be a spiral rather than a loop (RFC 3261 section 16.6 step 8, RFC 5393 section 4.2).
public struct BranchMint: Sendable {
    public var secret: NodeSecret
    private let shard: UInt8
    private var counter: UInt64

    /// - Parameters:
    ///   - shard: the loop that responses belong to; the first two digits behind the cookie.
    ///   - start: a random number; branches of two runs must differ.
    public init(secret: NodeSecret, shard: UInt8, start: UInt64) {
        self.secret = secret
        self.shard = shard
        self.counter = start
    }

    /// For a request that is forwarded.
    public mutating func mint(for request: Message) -> String {
        mint() + "." + loopHash(of: request)
    }

    /// For a request of the edge's own.
    public mutating func mint() -> String {
        counter &+= 1
        let unique = secret.authenticate("branch", [withUnsafeBytes(of: counter.bigEndian) { Array($0) }])
        return Via.magicCookie + Hexadecimal.string([shard] + unique[..<8])
    }

    /// Whether the request has been here before with everything that matters the same: a loop.
    public func isLoop(_ request: Message) -> Bool {
        var hash: String?
        for via in request.vias {
            guard let branch = via.branch, let dot = branch.lastIndex(of: ".") else { continue }
            let found = branch[branch.index(after: dot)...]
            guard found.utf8.count == 16 else { continue }
            let own = hash ?? loopHash(of: request)
            hash = own
            if found == own { return true }
        }
        return false
    }

    private func loopHash(of request: Message) -> String {
        var parts: [[UInt8]] = [
            Array((request.requestURI?.text ?? "").utf8), Array((request.fromTag ?? "").utf8),
            Array((request.toTag ?? "").utf8), Array(request.callID.utf8), Array("\(request.cSeq.number)".utf8),
        ]
        for field in request.fields where field.name == .route || field.name == .proxyRequire {
            parts.append(Array(request.bytes[field.value]))
        }
        return Hexadecimal.string(secret.authenticate("loop", parts)[..<8])
    }
}
