internal import CoreTypes
internal import Defense
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOPosix
internal import Registry
internal import Synchronization

/// What every request meets before its operation: limits, keys, roles.
final class Gate: Sendable {
    struct Rates: Sendable {
        let address: RequestRate<IPAddress>.Policy
        let key: RequestRate<String>.Policy
    }

    private struct State {
        var addresses: RequestRate<IPAddress>
        var keys: RequestRate<String>
        /// Wrong keys: whoever keeps trying fills no log.
        var failures = EventCollapser()
        var sessions = SessionTable()
    }

    private let registry: RegistryStore
    private let record: @Sendable (SecurityEvent) -> Void
    private let clock: @Sendable () -> Moment
    private let state: Mutex<State>
    private let policies: String
    /// Whether cookies are for TLS only.
    private let isSecure: Bool

    /// - Parameters:
    ///   - record: writes into the witness.
    init(
        _ rates: Rates, registry: RegistryStore, isSecure: Bool, record: @escaping @Sendable (SecurityEvent) -> Void,
        clock: @escaping @Sendable () -> Moment
    ) {
        self.registry = registry
        self.record = record
        self.clock = clock
        self.isSecure = isSecure
        policies = "\(rates.address.header), \(rates.key.header)"
        state = Mutex(State(addresses: RequestRate(rates.address), keys: RequestRate(rates.key)))
    }

    /// Lets a request through to its operation, and tells what is left of the limits.
    func pass(
        _ request: Request, _ context: ControlContext, _ operation: Operation,
        to handler: (Inquiry) async throws -> Response
    ) async throws -> Response {
        guard operation.path.hasPrefix("/v1") || operation.access != .open else {
            return try await handler(try await Inquiry(request, context, operation, nil))
        }
        var limits: [String] = []
        do {
            let principal = try await admit(request, context, operation, &limits)
            var response = try await handler(try await Inquiry(request, context, operation, principal))
            if !limits.isEmpty { response.headers[.rateLimit] = limits.joined(separator: ", ") }
            response.headers[.rateLimitPolicy] = policies
            return response
        } catch let error as ProblemError {
            var headers = error.headers
            if !limits.isEmpty { headers[.rateLimit] = limits.joined(separator: ", ") }
            headers[.rateLimitPolicy] = policies
            throw ProblemError(error.status, error.detail, errors: error.errors, headers: headers)
        }
    }

    private func admit(
        _ request: Request, _ context: ControlContext, _ operation: Operation, _ limits: inout [String]
    ) async throws -> Principal? {
        if context.isLocalSocket { return try await context.socketPrincipal() }
        let source = context.source(of: request)
        if operation.access == .local, source.isLoopback, request.headers[.forwardedFor] == nil { return nil }
        let now = clock()
        try take(&limits) { $0.addresses.take(source.rateKey, now: now.monotonic) }
        guard operation.access != .open else { return nil }
        let principal = try await principal(of: request, from: source, now: now)
        if let key = principal.limitKey { try take(&limits) { $0.keys.take(key, now: now.monotonic) } }
        if case .role(let role) = operation.access, principal.role < role {
            throw ProblemError(
                .forbidden, "This needs the role \(role.rawValue); this key has \(principal.role.rawValue).")
        }
        return principal
    }

    private func take<Key>(
        _ limits: inout [String], _ body: (inout State) -> RequestRate<Key>.Outcome
    ) throws {
        let outcome = state.withLock { body(&$0) }
        limits.append(outcome.header)
        guard outcome.isWithin else {
            throw ProblemError(
                .tooManyRequests, "Too many requests: again in \(outcome.retryAfter) s.",
                headers: [.retryAfter: String(outcome.retryAfter)])
        }
    }

    private func principal(of request: Request, from source: IPAddress, now: Moment) async throws -> Principal {
        let authorization = request.headers[.authorization]?.split(separator: " ", maxSplits: 1)
        let bearer = authorization?.first?.lowercased() == "bearer" ? authorization?.last.map(String.init) : nil
        if let key = request.headers[.apiKey] ?? bearer {
            return try await principal(ofKey: key, from: source, now: now, isSession: false)
        }
        guard let session = request.cookies[SessionTable.cookie]?.value else {
            throw ProblemError(
                .unauthorized, "This needs a key: X-API-Key, or Authorization: Bearer.",
                headers: [.wwwAuthenticate: "Bearer"])
        }
        guard let key = state.withLock({ $0.sessions.key(of: session, now: now.monotonic) }) else {
            throw ProblemError(.unauthorized, "This session is over: sign in again.")
        }
        try request.checkIsFromOwnPage()
        return try await principal(ofKey: key, from: source, now: now, isSession: true)
    }

    private func principal(
        ofKey text: String, from source: IPAddress, now: Moment, isSession: Bool
    ) async throws -> Principal {
        let found: APIKeyEntry?
        do {
            found = try await blocking { [registry] in
                guard let entry = try registry.authenticate(key: text) else { return nil }
                try registry.noteUse(of: entry)
                return entry
            }
        } catch let error as RegistryError {
            throw ProblemError(error, field: "key")
        }
        guard let found else {
            // A session's key was right once: it has been revoked or has expired since.
            if !isSession { failed(from: source, now: now) }
            throw ProblemError(
                .unauthorized, "This key is not known, or has expired or been revoked.",
                headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
        }
        return Principal(
            name: found.name, role: found.role, limitKey: found.prefix)
    }

    private func failed(from source: IPAddress, now: Moment) {
        let written = state.withLock {
            $0.failures.add(from: source, .authFailed, .warning, cause: "api_key", now: now) {
                SecurityEvent(
                    .authFailed, .warning, sourceIP: source,
                    details: [.init("reason", "api_key"), .init("component", "control")])
            }
        }
        for event in [written.event, written.evicted] { event.map(record) }
    }

    /// Writes what has been counted only; to be called now and then.
    /// - Parameter isEnd: nothing is counted from here on.
    func settle(isEnd: Bool = false) {
        let events = state.withLock { isEnd ? $0.failures.flush() : $0.failures.due(now: clock()) }
        for event in events { record(event) }
    }

    // MARK: Sessions

    /// - Returns: whose key it is, and the cookie to set.
    func signIn(_ key: String, _ inquiry: Inquiry) async throws -> (Principal, cookie: String) {
        let source = inquiry.context.source(of: inquiry.request)
        let now = clock()
        let principal = try await principal(ofKey: key, from: source, now: now, isSession: false)
        let session = state.withLock { $0.sessions.begin(key: key, now: now.monotonic) }
        return (principal, cookie(session, inquiry.request, seconds: SessionTable.lifetime))
    }

    /// - Returns: the cookie that takes the other one's place.
    func signOut(_ request: Request) -> String {
        if let session = request.cookies[SessionTable.cookie]?.value { state.withLock { $0.sessions.end(session) } }
        return cookie("", request, seconds: 0)
    }

    private func cookie(_ value: String, _ request: Request, seconds: Int) -> String {
        let isSecure = isSecure || request.headers[.forwardedProto] == "https"
        return "\(SessionTable.cookie)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }
}

/// Runs what waits for a disk where it keeps no event loop.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(body)
}

extension Request {
    /// A browser sends the cookie by itself, also for what another site's page asks: `SameSite=Strict` forbids it, and
    /// what the browser says of the page makes sure.
    fileprivate func checkIsFromOwnPage() throws {
        guard method != .get, method != .head else { return }
        guard headers[.secFetchSite].map({ $0 == "same-origin" || $0 == "none" }) ?? true else {
            throw ProblemError(.forbidden, "Another site's page asks for this.")
        }
    }
}

/// Fields that the library has no names for.
enum OtherField: String {
    case rateLimit = "RateLimit"
    case rateLimitPolicy = "RateLimit-Policy"
    case apiKey = "X-API-Key"
    case forwardedFor = "X-Forwarded-For"
    case forwardedProto = "X-Forwarded-Proto"
    case secFetchSite = "Sec-Fetch-Site"
    case accelBuffering = "X-Accel-Buffering"
    case referrerPolicy = "Referrer-Policy"
    case openerPolicy = "Cross-Origin-Opener-Policy"
    case lastEventID = "Last-Event-ID"
}

extension HTTPFields {
    subscript(_ field: OtherField) -> String? {
        get { HTTPField.Name(field.rawValue).flatMap { self[$0] } }
        set { if let name = HTTPField.Name(field.rawValue) { self[name] = newValue } }
    }
}
