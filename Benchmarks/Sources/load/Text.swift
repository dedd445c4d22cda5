import Glibc

typealias Octets = UnsafeMutablePointer<UInt8>

/// A piece of a message as it was received: where it begins in the message, and its length.
struct Piece {
    var start = 0
    var count = 0
}

/// Writes a message into memory that somebody else owns. What does not fit ends the program: all sizes are our own.
struct Writer {
    let base: Octets
    let capacity: Int
    var count = 0

    init(_ base: Octets, capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    @inline(__always)
    mutating func add(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        precondition(count + length <= capacity, "a message of this load does not fit")
        memcpy(base + count, bytes, length)
        count += length
    }

    @inline(__always)
    mutating func add(_ text: StaticString) {
        add(text.utf8Start, text.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func add(_ text: [UInt8]) {
        text.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { add(start, bytes.count) }
        }
    }

    @inline(__always)
    mutating func add(byte: UInt8) {
        precondition(count < capacity, "a message of this load does not fit")
        base[count] = byte
        count += 1
    }

    mutating func add(hex value: UInt32) {
        precondition(count + 8 <= capacity, "a message of this load does not fit")
        var shift: UInt32 = 28
        for index in 0..<8 {
            base[count + index] = hexDigit(UInt8(truncatingIfNeeded: (value >> shift) & 15))
            shift &-= 4
        }
        count += 8
    }

    mutating func add(decimal value: Int) {
        var digits: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0)
        precondition(value >= 0 && value < 1_000_000, "a number of this load does not fit")
        var rest = value
        withUnsafeMutableBytes(of: &digits) { buffer in
            var index = 6
            repeat {
                index -= 1
                buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            for position in index..<6 { add(byte: buffer[position]) }
        }
    }
}

@inline(__always)
func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &- 10 &+ value
}

/// Eight hexadecimal digits, or nothing where they are something else.
func hexNumber(_ bytes: UnsafePointer<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for index in 0..<8 {
        let digit = bytes[index]
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
        default: return nil
        }
    }
    return value
}

/// The header fields that a load looks at; found line by line, without a parser of the grammar.
final class ReceivedMessage {
    static let most = 8

    private(set) var bytes: Octets
    private(set) var count = 0
    /// 0 for a request.
    private(set) var status = 0
    private(set) var method: UInt8 = 0
    private(set) var from = Piece()
    private(set) var to = Piece()
    private(set) var callID = Piece()
    private(set) var contact = Piece()
    private(set) var challenge = Piece()
    private(set) var sequence = Piece()
    private(set) var sequenceNumber = 0
    /// The method of CSeq by its first letter: I, A, B, C or O.
    private(set) var sequenceMethod: UInt8 = 0
    private(set) var vias: [Piece]
    private(set) var viaCount = 0
    private(set) var recordRoutes: [Piece]
    private(set) var recordRouteCount = 0

    init() {
        bytes = Octets.allocate(capacity: 1)
        vias = Array(repeating: Piece(), count: Self.most)
        recordRoutes = Array(repeating: Piece(), count: Self.most)
    }

    /// Whether it is a message with what each message of a load has.
    func read(_ message: Octets, _ length: Int) -> Bool {
        guard length > 16 else { return false }
        bytes = message
        count = length
        viaCount = 0
        recordRouteCount = 0
        callID.count = 0
        sequence.count = 0
        contact.count = 0
        challenge.count = 0
        from.count = 0
        to.count = 0
        if memcmp(message, "SIP/2.0 ", 8) == 0 {
            status = Int(message[8] &- 48) * 100 + Int(message[9] &- 48) * 10 + Int(message[10] &- 48)
            method = 0
        } else {
            status = 0
            method = message[0]
        }
        var line = nextLine(from: 0)
        while line < length {
            let end = nextLine(from: line)
            if end - line <= 2 { break }
            field(line, end - line - 2)
            line = end
        }
        return callID.count >= 16 && sequence.count > 2 && viaCount > 0 && from.count > 0 && to.count > 0
    }

    private func nextLine(from start: Int) -> Int {
        guard let end = memchr(bytes + start, 10, count - start) else { return count }
        return end.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(bytes) + 1
    }

    private func field(_ start: Int, _ length: Int) {
        switch bytes[start] | 0x20 {
        case UInt8(ascii: "v"):
            if let value = value("via", start, length), viaCount < Self.most {
                vias[viaCount] = value
                viaCount += 1
            }
        case UInt8(ascii: "f"):
            if let value = value("from", start, length) { from = value }
        case UInt8(ascii: "t"):
            if let value = value("to", start, length) { to = value }
        case UInt8(ascii: "r"):
            if let value = value("record-route", start, length), recordRouteCount < Self.most {
                recordRoutes[recordRouteCount] = value
                recordRouteCount += 1
            }
        case UInt8(ascii: "c"):
            if let value = value("call-id", start, length) {
                callID = value
            } else if let value = value("contact", start, length) {
                contact = value
            } else if let value = value("cseq", start, length) {
                readSequence(value)
            }
        case UInt8(ascii: "w"), UInt8(ascii: "p"):
            // Of several challenges the first one counts.
            if challenge.count == 0,
                let value = value("www-authenticate", start, length) ?? value("proxy-authenticate", start, length)
            {
                challenge = value
            }
        default: break
        }
    }

    private func readSequence(_ value: Piece) {
        sequence = value
        sequenceNumber = 0
        var index = 0
        while index < value.count, case let digit = bytes[value.start + index], digit &- 48 < 10 {
            sequenceNumber = sequenceNumber &* 10 &+ Int(digit - 48)
            index += 1
        }
        sequenceMethod = index + 1 < value.count ? bytes[value.start + index + 1] : 0
    }

    @inline(__always)
    private func value(_ name: StaticString, _ start: Int, _ length: Int) -> Piece? {
        let named = name.utf8CodeUnitCount
        guard length > named + 1, bytes[start + named] == UInt8(ascii: ":"),
            strncasecmp(
                UnsafeRawPointer(bytes + start).assumingMemoryBound(to: CChar.self),
                UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), named) == 0
        else { return nil }
        var first = start + named + 1
        while first < start + length, bytes[first] == 32 { first += 1 }
        return Piece(start: first, count: start + length - first)
    }

    /// The octets between `<` and `>`, which all URIs of a load have around them.
    func uri(in piece: Piece) -> Piece? {
        guard let open = memchr(bytes + piece.start, 60, piece.count) else { return nil }
        let first = open.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(bytes) + 1
        guard let close = memchr(bytes + first, 62, piece.start + piece.count - first) else { return nil }
        return Piece(start: first, count: close.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(bytes) - first)
    }

    /// A quoted parameter, such as `nonce`.
    func quoted(_ name: StaticString, in piece: Piece) -> Piece? {
        guard
            let found = memmem(bytes + piece.start, piece.count, name.utf8Start, name.utf8CodeUnitCount)
        else { return nil }
        let first = found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(bytes) + name.utf8CodeUnitCount
        guard let close = memchr(bytes + first, 34, piece.start + piece.count - first) else { return nil }
        return Piece(start: first, count: close.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(bytes) - first)
    }
}
