public import SIPMessage

/// Request validation (RFC 3261 section 16.3), for what the parser has not already refused.
public enum RequestCheck {
    /// An answer instead of forwarding.
    public struct Failure: Sendable, Equatable {
        public var status: Int
        public var reason: String
        /// From a closed set; for the witness, never for the peer.
        public var cause: Cause
        public var unsupported: [String] = []

        public init(_ status: Int, _ reason: String, cause: Cause, unsupported: [String] = []) {
            self.status = status
            self.reason = reason
            self.cause = cause
            self.unsupported = unsupported
        }
    }

    public enum Cause: String, Sendable, CaseIterable {
        case noTarget = "no_target"
        case unsupportedScheme = "unsupported_scheme"
        case tooManyHops = "too_many_hops"
        case loop
        case badExtension = "bad_extension"
        case malformedHeader = "malformed_header"
        /// A second INVITE of a call that is up, by another way (RFC 3261 section 8.2.2.2).
        case merged = "merged_request"
        /// Inside a dialog, but to somebody whom its other side has not named.
        case foreignHop = "foreign_hop"
        /// Inside a dialog that the edge doesn't know, or without its cookie; a CANCEL of nothing.
        case unknownCall = "unknown_call"
    }

    /// - Returns: why the request can't be forwarded; nil when it can.
    public static func examine(_ request: Message, branches: BranchMint) -> Failure? {
        guard let target = request.requestURIShape else { return Failure(400, "Bad Request", cause: .noTarget) }
        guard target.isSIP else { return Failure(416, "Unsupported URI Scheme", cause: .unsupportedScheme) }
        if request.maxForwards == 0 { return Failure(483, "Too Many Hops", cause: .tooManyHops) }
        if branches.isLoop(request) { return Failure(482, "Loop Detected", cause: .loop) }
        let required = request.has(.proxyRequire) ? request.tokens(.proxyRequire) : []
        if !required.isEmpty { return Failure(420, "Bad Extension", cause: .badExtension, unsupported: required) }
        for field in [HeaderName.route, .recordRoute, .contact] where !request.eachAddress(field, { _ in true }) {
            return Failure(400, "Malformed \(field.canonical)", cause: .malformedHeader)
        }
        return nil
    }
}
