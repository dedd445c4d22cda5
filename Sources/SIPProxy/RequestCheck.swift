public import SIPMessage

/// Request validation (RFC 3261 section 16.3), for what the parser has not already refused.
public enum RequestCheck {
    /// An answer instead of forwarding.
    public struct Failure: Sendable, Equatable {
        public var status: Int
        public var reason: String
        public var unsupported: [String] = []

        public init(_ status: Int, _ reason: String, unsupported: [String] = []) {
            self.status = status
            self.reason = reason
            self.unsupported = unsupported
        }
    }

    /// - Returns: why the request can't be forwarded; nil when it can.
    public static func examine(_ request: Message, branches: BranchMint) -> Failure? {
        guard let target = request.requestURI else { return Failure(400, "Bad Request") }
        guard target.isSIP else { return Failure(416, "Unsupported URI Scheme") }
        if request.maxForwards == 0 { return Failure(483, "Too Many Hops") }
        if branches.isLoop(request) { return Failure(482, "Loop Detected") }
        let required = request.tokens(.proxyRequire)
        if !required.isEmpty { return Failure(420, "Bad Extension", unsupported: required) }
        for field in [HeaderName.route, .recordRoute, .contact] where request.addresses(field) == nil {
            return Failure(400, "Malformed \(field.canonical)")
        }
        return nil
    }
}
