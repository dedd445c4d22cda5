public import CoreTypes
public import SIPMessage

/// The keyed mark that the edge leaves in its Record-Route, so that a request inside a dialog can show that the dialog
/// came in through the edge. It is bound to the Call-ID and to the caller's tag: it opens no other call.
public struct DialogCookie: Sendable {
    /// What the user part of the edge's Record-Route URIs begins with.
    public static let prefix = "sp1-"

    private let secret: NodeSecret

    public init(secret: NodeSecret) {
        self.secret = secret
    }

    /// The user part for a call.
    /// - Parameter pass: counts how often the call has come by: a spiral brings it back (RFC 3261 section 16.3).
    public func issue(callID: String, callerTag: String, pass: Int = 1) -> String {
        let mac = secret.authenticate("dialog", Self.parts(callID, callerTag, pass))
        return Self.prefix + Hexadecimal.string(mac[..<16]) + (pass == 1 ? "" : "-\(pass)")
    }

    private static func parts(_ callID: String, _ callerTag: String, _ pass: Int) -> [[UInt8]] {
        [Array(callID.utf8), Array(callerTag.utf8), Array(String(pass).utf8)]
    }

    /// What a valid cookie says about the request that carries it.
    public struct Mark: Sendable, Hashable {
        public var side: DialogSide
        public var pass: Int

        public init(side: DialogSide, pass: Int) {
            self.side = side
            self.pass = pass
        }
    }

    /// Reads a user part of the edge's own; nil when it is none, or not that of this request's call.
    public func mark(_ user: String, of request: Message) -> Mark? {
        guard user.hasPrefix(Self.prefix), let fromTag = request.fromTag, let toTag = request.toTag else { return nil }
        var pass = 1
        var digits = user.dropFirst(Self.prefix.count)
        if let dash = digits.firstIndex(of: "-") {
            let count = digits[digits.index(after: dash)...]
            // One way to write a number: no sign, no leading zero.
            guard let number = Int(count), number > 1, String(number) == count else { return nil }
            pass = number
            digits = digits[..<dash]
        }
        guard digits.utf8.count == 32, let mac = Hexadecimal.decode(Array(digits.utf8)) else { return nil }
        for (side, tag) in [(DialogSide.caller, fromTag), (.callee, toTag)]
        where secret.recognizes(mac, "dialog", Self.parts(request.callID, tag, pass)) {
            return Mark(side: side, pass: pass)
        }
        return nil
    }

    /// The marks of a request in a dialog, in the order of its passes through the edge: of the Request-URI, where a
    /// strict router has put the edge's URI (section 16.4), and of the Routes at the top. Empty without a valid one.
    public func marks(of request: Message) -> [Mark] {
        var users: [String] = []
        if let user = request.requestURI?.user, user.hasPrefix(Self.prefix) { users.append(user) }
        for address in request.addresses(.route) ?? [] {
            guard let user = address.uri.user, user.hasPrefix(Self.prefix) else { break }
            users.append(user)
        }
        var marks: [Mark] = []
        for user in users {
            guard let mark = mark(user, of: request) else { break }
            if marks.last != mark { marks.append(mark) }
        }
        return marks
    }
}

/// Who sent a request inside a dialog.
public enum DialogSide: Sendable, Hashable {
    case caller
    case callee

    public var other: DialogSide { self == .caller ? .callee : .caller }
}
