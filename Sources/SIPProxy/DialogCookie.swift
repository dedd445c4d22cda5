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
    public func issue(callID: String, callerTag: String) -> String {
        let mac = secret.authenticate("dialog", [Array(callID.utf8), Array(callerTag.utf8)])
        return Self.prefix + Hexadecimal.string(mac[..<16])
    }

    public func isValid(_ user: String, callID: String, callerTag: String) -> Bool {
        constantTimeEqual(Array(user.utf8), Array(issue(callID: callID, callerTag: callerTag).utf8))
    }
}

/// Who sent a request inside a dialog.
public enum DialogSide: Sendable, Hashable {
    case caller
    case callee

    public var other: DialogSide { self == .caller ? .callee : .caller }
}

extension DialogCookie {
    /// The side that a request in a dialog comes from, told by the first Route that is the edge's own; nil when it
    /// carries no valid cookie for its call. Strict routers put the edge's URI into the Request-URI instead
    /// (RFC 3261 section 16.4).
    public func side(of request: Message) -> DialogSide? {
        guard let fromTag = request.fromTag, let toTag = request.toTag else { return nil }
        var candidates: [String] = []
        if let user = request.requestURI?.user, user.hasPrefix(Self.prefix) { candidates.append(user) }
        if let first = request.addresses(.route)?.first?.uri.user { candidates.append(first) }
        for user in candidates {
            if isValid(user, callID: request.callID, callerTag: fromTag) { return .caller }
            if isValid(user, callID: request.callID, callerTag: toTag) { return .callee }
        }
        return nil
    }
}
