import CoreTypes

/// A branch as the edge makes it: the magic cookie (RFC 3261 section 8.1.1.7), two digits for the loop that responses
/// belong to, sixteen that are unique, and for a forwarded request a point and sixteen that tell a spiral from a loop.
public struct Branch: Hashable, Sendable, CustomStringConvertible {
    public let shard: UInt8
    public let unique: UInt64
    public let loop: UInt64?

    private static let uniqueStart = 9
    private static let uniqueEnd = 25
    private static let loopEnd = 42
    /// Octets of a branch of a forwarded request.
    public static var forwardedLength: Int { loopEnd }

    public init(shard: UInt8, unique: UInt64, loop: UInt64?) {
        self.shard = shard
        self.unique = unique
        self.loop = loop
    }

    /// The branch that stands in a message; nil for one of another make.
    public init?(_ message: Message, _ range: Range<Int>) {
        let bytes = message.bytes
        let start = range.lowerBound
        guard range.count == Self.uniqueEnd || range.count == Self.loopEnd, range.upperBound <= bytes.count,
            bytes[start..<start + Via.magicCookie.utf8.count].elementsEqual(Via.magicCookie.utf8),
            let shard = Hexadecimal.octet(bytes[start + 7], bytes[start + 8]),
            let unique = Hexadecimal.number(bytes, start + Self.uniqueStart..<start + Self.uniqueEnd)
        else { return nil }
        var loop: UInt64?
        if range.count == Self.loopEnd {
            guard bytes[start + Self.uniqueEnd] == UInt8(ascii: "."),
                let number = Hexadecimal.number(bytes, start + Self.uniqueEnd + 1..<start + Self.loopEnd)
            else { return nil }
            loop = number
        }
        self.init(shard: shard, unique: unique, loop: loop)
    }

    public func append(to output: inout [UInt8]) {
        output.append("z9hG4bK")
        Hexadecimal.append(octet: shard, to: &output)
        Hexadecimal.append(unique, to: &output)
        guard let loop else { return }
        output.append(UInt8(ascii: "."))
        Hexadecimal.append(loop, to: &output)
    }

    public var description: String {
        var octets: [UInt8] = []
        append(to: &octets)
        return String(decoding: octets, as: UTF8.self)
    }
}
