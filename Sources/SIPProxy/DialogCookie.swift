public import CoreTypes
public import SIPMessage

/// The keyed mark that the edge leaves in its Record-Route, so that a request inside a dialog can show that the dialog
/// came in through the edge. It is bound to the Call-ID and to the caller's tag: it opens no other call.
public struct DialogCookie: Sendable {
    /// What the user part of the edge's Record-Route URIs begins with.
    public static let prefix: StaticString = "sp1-"

    private let secret: NodeSecret
    private let shard: UInt8

    /// - Parameter shard: the loop that the dialogs belong to.
    public init(secret: NodeSecret, shard: UInt8 = 0) {
        self.secret = secret
        self.shard = shard
    }

    /// The user part for a call.
    /// - Parameter pass: counts how often the call has come by: a spiral brings it back (RFC 3261 section 16.3).
    public func issue(callID: String, callerTag: String, pass: Int = 1) -> String {
        var state = secret.begin("dialog")
        state.absorb(callID)
        state.absorb(callerTag)
        state.absorb(UInt64(pass))
        state.absorb(UInt64(shard))
        let mac = state.finish()
        var text = Self.prefix.withUTF8Buffer { Array($0) }
        text.reserveCapacity(42)
        Hexadecimal.append(octet: shard, to: &text)
        Hexadecimal.append(mac.first, to: &text)
        Hexadecimal.append(mac.second, to: &text)
        return String(decoding: text, as: UTF8.self) + (pass == 1 ? "" : "-\(pass)")
    }

    /// What a valid cookie says about the request that carries it.
    public struct Mark: Sendable, Hashable {
        public var side: DialogSide
        public var pass: Int
        /// The loop that the dialog belongs to.
        public var shard: UInt8

        public init(side: DialogSide, pass: Int, shard: UInt8 = 0) {
            self.side = side
            self.pass = pass
            self.shard = shard
        }
    }

    /// Whether a URI is one of the edge's Record-Routes, by its looks.
    public static func isOwn(_ uri: URIShape, in message: Message) -> Bool {
        guard let user = uri.user, user.count > prefix.utf8CodeUnitCount else { return false }
        return message.equals(user.lowerBound..<user.lowerBound + prefix.utf8CodeUnitCount, prefix)
    }

    /// Reads a user part of the edge's own; nil when it is none, or not that of this request's call.
    public func mark(_ user: Range<Int>, of request: Message) -> Mark? {
        let bytes = request.bytes
        let owner = user.lowerBound + Self.prefix.utf8CodeUnitCount
        let digits = owner + 2
        guard let fromTag = request.fromTagRange, let toTag = request.toTagRange, user.count >= Self.length,
            request.equals(user.lowerBound..<owner, Self.prefix),
            let shard = Hexadecimal.octet(bytes[owner], bytes[owner + 1]),
            let first = Hexadecimal.number(bytes, digits..<digits + 16),
            let second = Hexadecimal.number(bytes, digits + 16..<digits + 32)
        else { return nil }
        var pass = 1
        let end = digits + 32
        if end < user.upperBound {
            let count = request.text(end + 1..<user.upperBound)
            // One way to write a number: no sign, no leading zero.
            guard bytes[end] == UInt8(ascii: "-"), let number = Int(count), number > 1, String(number) == count else {
                return nil
            }
            pass = number
        }
        let mac = KeyedHash.Value(first: first, second: second)
        for (side, tag) in [(DialogSide.caller, fromTag), (.callee, toTag)] {
            let isOwn = secret.recognizes(mac, "dialog") { state in
                state.absorb(bytes, request.callIDRange)
                state.absorb(bytes, tag)
                state.absorb(UInt64(pass))
                state.absorb(UInt64(shard))
            }
            if isOwn { return Mark(side: side, pass: pass, shard: shard) }
        }
        return nil
    }

    /// Prefix, loop and hash.
    private static let length = 38

    /// The marks of a request in a dialog, in the order of its passes through the edge: of the Request-URI, where a
    /// strict router has put the edge's URI (section 16.4), and of the Routes at the top. None without a valid one.
    /// - Parameter body: returns whether to go on.
    public func eachMark(of request: Message, _ body: (Mark) -> Bool) {
        var last: Mark?
        if let uri = request.requestURIShape, Self.isOwn(uri, in: request), let user = uri.user {
            guard let mark = mark(user, of: request), body(mark) else { return }
            last = mark
        }
        request.eachAddress(.route) { address in
            guard Self.isOwn(address.uri, in: request), let user = address.uri.user,
                let mark = mark(user, of: request)
            else { return false }
            defer { last = mark }
            return last == mark || body(mark)
        }
    }
}

/// Who sent a request inside a dialog.
public enum DialogSide: Sendable, Hashable {
    case caller
    case callee

    public var other: DialogSide { self == .caller ? .callee : .caller }
}
