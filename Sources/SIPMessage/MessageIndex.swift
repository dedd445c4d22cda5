import Synchronization

/// The octets of a message and where everything stands in them. Filled by the parser, but for addresses, which whoever asks
/// first reads; then left as it is: only a reader that holds the sole reference fills it anew.
final class MessageIndex: @unchecked Sendable {
    fileprivate(set) var bytes: [UInt8]
    private(set) var fields: [Field] = []
    /// The names that the fields have.
    private(set) var names: HeaderNameSet = []
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
    private var addresses: [KnownAddress] = []
    /// Names whose fields hold something that is no address.
    private var malformedAddresses: HeaderNameSet = []
    private let addressState = Atomic(AddressState.unread)

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
        names = []
        vias.removeAll(keepingCapacity: true)
        fromTag = nil
        toTag = nil
        maxForwards = nil
        addresses.removeAll(keepingCapacity: true)
        malformedAddresses = []
        addressState.store(.unread, ordering: .relaxed)
    }

    func append(_ field: Field) {
        fields.append(field)
        names.insert(field.name)
    }

    /// Cuts off what stands behind the message.
    func cut(to end: Int) {
        if end < bytes.count { bytes.removeLast(bytes.count - end) }
    }
}

// MARK: Addresses

/// What a Contact, Route or Record-Route names.
private struct KnownAddress {
    let name: HeaderName
    let shape: NameAddressShape
}

private enum AddressState: UInt8, AtomicRepresentable {
    case unread
    case reading
    case read
}

extension MessageIndex {
    static let knownAddresses: HeaderNameSet = [.contact, .route, .recordRoute]

    /// See `Message.eachAddress`. Contact, Route and Record-Route are asked for again and again, and read once.
    func eachAddress(_ name: HeaderName, _ body: (NameAddressShape) -> Bool) -> Bool {
        // A thread that meets another one reading reads for itself.
        guard Self.knownAddresses.contains(name), readAddresses() else { return readEach(name, body) }
        for address in addresses where address.name == name {
            guard body(address.shape) else { return true }
        }
        return !malformedAddresses.contains(name)
    }

    private func readAddresses() -> Bool {
        if addressState.load(ordering: .acquiring) == .read { return true }
        guard addressState.compareExchange(expected: .unread, desired: .reading, ordering: .acquiring).exchanged else {
            return false
        }
        for name in [HeaderName.contact, .route, .recordRoute] where names.contains(name) {
            let isWell = readEach(name) { shape in
                addresses.append(KnownAddress(name: name, shape: shape))
                return true
            }
            if !isWell { malformedAddresses.insert(name) }
        }
        addressState.store(.read, ordering: .releasing)
        return true
    }

    private func readEach(_ name: HeaderName, _ body: (NameAddressShape) -> Bool) -> Bool {
        let bytes = bytes
        var ledger = NameLedger()
        for field in fields where field.name == name {
            var values = ListSplitter(bytes, field.value)
            while let value = values.next() {
                if name == .contact, value.count == 1, bytes[value.lowerBound] == UInt8(ascii: "*") { continue }
                var scanner = Scanner(bytes, value)
                guard let address = scanner.nameAddress(&ledger), scanner.atEnd else { return false }
                guard body(address) else { return true }
            }
        }
        return true
    }
}

/// Reads one message after the other, in the same memory when nobody keeps them any longer.
public struct MessageReader {
    /// Some that may be free again; the next one is where the last was read.
    private var indexes: [MessageIndex] = []
    private var next = 0
    private let limits: MessageLimits

    /// As many as there are messages under way at a time; more are made anew.
    private static let mostKept = 64
    /// How many are looked at to find a free one.
    private static let looks = 4

    /// An index that has grown beyond this is not used again, so that one large message doesn't make all others large.
    private static let largestKept = 4096

    public init(limits: MessageLimits = MessageLimits()) {
        self.limits = limits
    }

    /// Parses one message, as `Message.init(parsing:limits:)` does.
    public mutating func read(_ octets: UnsafeRawBufferPointer) throws(ParseFailure) -> Message {
        guard octets.count <= limits.messageBytes else { throw ParseFailure.tooLarge }
        return try MessageParser.parse(index(for: octets), limits)
    }

    private mutating func index(for octets: UnsafeRawBufferPointer) -> MessageIndex {
        for _ in 0..<min(Self.looks, indexes.count) {
            if isKnownUniquelyReferenced(&indexes[next]) {
                let index = indexes[next]
                guard index.bytes.capacity <= Self.largestKept, index.fields.capacity <= 128 else { break }
                index.refill(octets)
                return index
            }
            next = (next + 1) % indexes.count
        }
        let index = MessageIndex(Array(octets))
        if indexes.count < Self.mostKept {
            next = indexes.count
            indexes.append(index)
        } else {
            indexes[next] = index
        }
        return index
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
