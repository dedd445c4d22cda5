/// The octets of a message and where everything stands in them. Filled by the parser, then left as it is: only a reader
/// that holds the sole reference fills it anew.
final class MessageIndex: @unchecked Sendable {
    fileprivate(set) var bytes: [UInt8]
    var fields: [Field] = []
    var vias: [ViaShape] = []
    var startLine = StartLine.response(status: 0, reason: .empty)
    var body = Stretch.empty
    var from: NameAddressShape
    var to: NameAddressShape
    var fromTag: Stretch?
    var toTag: Stretch?
    var callID = Stretch.empty
    var cSeqValue = Stretch.empty
    var cSeq = CSeq(number: 0, method: .options)
    var maxForwards: Int?
    /// Room for the parser.
    var ledger = NameLedger()

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        from = .none
        to = .none
        fields.reserveCapacity(20)
        vias.reserveCapacity(2)
    }

    fileprivate func refill(_ octets: UnsafeRawBufferPointer) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: octets)
        fields.removeAll(keepingCapacity: true)
        vias.removeAll(keepingCapacity: true)
        fromTag = nil
        toTag = nil
        maxForwards = nil
    }

    /// Cuts off what stands behind the message.
    func cut(to end: Int) {
        if end < bytes.count { bytes.removeLast(bytes.count - end) }
    }
}

/// Reads one message after the other, in the same memory as long as nobody keeps them.
public struct MessageReader {
    private var index: MessageIndex?
    private let limits: MessageLimits

    /// An index that has grown beyond this is not used again, so that one large message doesn't make all others large.
    private static let largestKept = 4096

    public init(limits: MessageLimits = MessageLimits()) {
        self.limits = limits
    }

    /// Parses one message, as `Message.init(parsing:limits:)` does.
    public mutating func read(_ octets: UnsafeRawBufferPointer) throws(ParseFailure) -> Message {
        guard octets.count <= limits.messageBytes else { throw ParseFailure.tooLarge }
        if let index, index.bytes.capacity > Self.largestKept || index.fields.capacity > 128 { self.index = nil }
        if index != nil, isKnownUniquelyReferenced(&index), let index {
            index.refill(octets)
            return try MessageParser.parse(index, limits)
        }
        let index = MessageIndex(Array(octets))
        self.index = index
        return try MessageParser.parse(index, limits)
    }
}

extension Message {
    /// Parses one message: a datagram, or what `StreamFramer` cut from a stream.
    ///
    /// Strict where leniency would let two parsers see two messages: line ends are CRLF, controls stand only behind a
    /// backslash in quotes, singular fields stand once, Content-Length is one number. Lenient where RFC 4475 section
    /// 3.1.1 asks for it: folding, blanks around the colon, compact forms, any escapes.
    public init(parsing bytes: [UInt8], limits: MessageLimits = MessageLimits()) throws(ParseFailure) {
        guard bytes.count <= limits.messageBytes else { throw ParseFailure.tooLarge }
        self = try MessageParser.parse(MessageIndex(bytes), limits)
    }

    /// What a response to this request copies from it.
    public var replyFields: ReplyFields {
        ReplyFields(
            bytes: bytes, vias: index.vias, from: index.from.range, to: index.to.range, callID: callIDRange,
            cSeq: index.cSeqValue.range, hasToTag: index.toTag != nil, isAck: method == .ack)
    }
}

extension ParseFailure {
    fileprivate static let tooLarge = ParseFailure(kind: .tooLarge, status: 513, reason: "Message Too Large")
}
