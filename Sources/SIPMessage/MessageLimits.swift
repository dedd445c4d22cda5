/// Hard limits on what is parsed at all. Defaults are those of the configuration's `limits`.
public struct MessageLimits: Sendable, Hashable {
    /// The whole message, start line to end of body.
    public var messageBytes: Int
    /// Header field lines.
    public var headers: Int
    /// One header field line, folds included.
    public var headerBytes: Int
    /// The Request-URI.
    public var uriBytes: Int
    /// Via values; more than Max-Forwards could ever have let through is a trick.
    public var vias: Int

    public init(
        messageBytes: Int = 65_535, headers: Int = 256, headerBytes: Int = 8192, uriBytes: Int = 2048, vias: Int = 72
    ) {
        self.messageBytes = messageBytes
        self.headers = headers
        self.headerBytes = headerBytes
        self.uriBytes = uriBytes
        self.vias = vias
    }
}

/// Why a message was not accepted, and what may be said about it.
public struct ParseFailure: Error, Sendable, CustomStringConvertible {
    /// What went wrong, as a closed set for metrics and events.
    public enum Kind: String, Sendable, CaseIterable {
        case startLine = "start_line"
        case version
        case headerField = "header_field"
        case missingHeader = "missing_header"
        case duplicateHeader = "duplicate_header"
        case contentLength = "content_length"
        case uri
        case via
        case address
        case cSeq = "cseq"
        case callID = "call_id"
        case maxForwards = "max_forwards"
        case credentials
        case tooLarge = "too_large"
        case incomplete
    }

    public let kind: Kind
    /// The status that fits (400, 413, 414, 416, 505, 513); a response that fails is dropped instead.
    public let status: Int
    /// The reason phrase: says what is wrong, quotes nothing that the peer sent.
    public let reason: String
    /// What an answer needs, when enough of the request could be read to address one safely.
    public let reply: ReplyFields?

    public var description: String { "\(status) \(reason)" }

    public init(kind: Kind, status: Int = 400, reason: String, reply: ReplyFields? = nil) {
        self.kind = kind
        self.status = status
        self.reason = reason
        self.reply = reply
    }
}

/// Where the fields stand that a response copies from its request (RFC 3261 section 8.2.6.2).
public struct ReplyFields: Sendable {
    /// The octets that the ranges point into.
    let bytes: [UInt8]
    /// From the top; never empty.
    let vias: [ViaShape]
    let from: Range<Int>
    let to: Range<Int>
    let callID: Range<Int>
    let cSeq: Range<Int>
    let hasToTag: Bool
    /// ACK is never answered.
    public let isAck: Bool

    /// The top Via: it says where a response goes.
    public var topVia: ViaShape { vias[0] }
}
