import CLoad
import Glibc

typealias Bytes = UnsafePointer<UInt8>

/// Text that is made once and copied often; it lives as long as the process.
struct Piece {
    let bytes: Bytes
    let count: Int

    init(_ text: String) {
        let utf8 = Array(text.utf8)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(utf8.count, 1))
        memory.initialize(from: utf8, count: utf8.count)
        bytes = Bytes(memory)
        count = utf8.count
    }
}

/// A message, or part of one, with gaps for a call's number.
struct Template {
    static let gap: Character = "\u{1}"
    private let pieces: UnsafeMutablePointer<Piece>
    private let count: Int

    init(_ lines: [String]) {
        let text = lines.map { $0 + "\r\n" }.joined()
        let parts = text.split(separator: Self.gap, omittingEmptySubsequences: false)
        pieces = .allocate(capacity: parts.count)
        count = parts.count
        for (index, part) in parts.enumerated() { (pieces + index).initialize(to: Piece(String(part))) }
    }

    func write(to writer: inout Writer, _ number: CallNumber) {
        writer.add(pieces[0])
        for index in 1..<max(count, 1) {
            writer.add(number)
            writer.add(pieces[index])
        }
    }
}

/// Sixteen hexadecimal digits: a serial number that is never used twice in a run, and the call's slot.
struct CallNumber {
    static let length = 16
    let serial: UInt32
    let slot: UInt32

    init(serial: UInt32, slot: UInt32) {
        self.serial = serial
        self.slot = slot
    }

    init?(_ digits: Bytes) {
        guard let serial = Self.value(digits), let slot = Self.value(digits + 8) else { return nil }
        self.init(serial: serial, slot: slot)
    }

    private static func value(_ digits: Bytes) -> UInt32? {
        var value: UInt32 = 0
        for index in 0..<8 {
            let byte = digits[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: return nil
            }
        }
        return value
    }
}

/// Appends to memory that is known to be large enough.
struct Writer {
    let start: UnsafeMutablePointer<UInt8>
    private(set) var count = 0

    init(_ start: UnsafeMutablePointer<UInt8>) {
        self.start = start
    }

    mutating func add(_ bytes: Bytes, _ length: Int) {
        memcpy(start + count, bytes, length)
        count += length
    }

    mutating func add(_ piece: Piece) {
        add(piece.bytes, piece.count)
    }

    mutating func add(_ text: StaticString) {
        add(text.utf8Start, text.utf8CodeUnitCount)
    }

    mutating func add(byte: UInt8) {
        start[count] = byte
        count += 1
    }

    mutating func add(_ number: CallNumber) {
        addHexadecimal(number.serial)
        addHexadecimal(number.slot)
    }

    private mutating func addHexadecimal(_ value: UInt32) {
        var shift: UInt32 = 32
        while shift > 0 {
            shift -= 4
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
            add(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    mutating func drop(_ length: Int) {
        count -= length
    }
}

/// A part of a received message.
struct Span8 {
    let bytes: Bytes
    let count: Int

    func find(_ text: StaticString, from offset: Int = 0) -> Int? {
        guard offset <= count,
            let found = load_find(bytes + offset, count - offset, text.utf8Start, text.utf8CodeUnitCount)
        else { return nil }
        return Bytes(found.assumingMemoryBound(to: UInt8.self)) - bytes
    }

    /// What stands between a text and the next `end`.
    func value(after text: StaticString, to end: UInt8) -> Span8? {
        guard let found = find(text) else { return nil }
        let start = found + text.utf8CodeUnitCount
        guard let stop = memchr(bytes + start, Int32(end), count - start) else { return nil }
        return Span8(bytes: bytes + start, count: Bytes(stop.assumingMemoryBound(to: UInt8.self)) - bytes - start)
    }

    func starts(with text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && memcmp(bytes, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Header field names are compared without regard to case.
    func isField(_ name: StaticString) -> Bool {
        count > name.utf8CodeUnitCount && strncasecmp(pointer, name.pointer, name.utf8CodeUnitCount) == 0
    }

    private var pointer: UnsafePointer<CChar> {
        UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self)
    }

    /// Each line with its end, from an offset to the empty line.
    func forEachLine(from offset: Int, _ body: (Span8) -> Void) {
        var position = offset
        while position < count, let end = memchr(bytes + position, 0x0a, count - position) {
            let next = Bytes(end.assumingMemoryBound(to: UInt8.self)) - bytes + 1
            if next - position <= 2 { return }
            body(Span8(bytes: bytes + position, count: next - position))
            position = next
        }
    }
}

extension StaticString {
    var pointer: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
