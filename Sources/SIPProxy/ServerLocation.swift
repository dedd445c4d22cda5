public import CoreTypes
public import SIPMessage

/// Where a SIP URI leads (RFC 3263 section 4), and where a response to a lost connection goes (section 5).
///
/// Knows no name server: `step` says what must be asked, `received` takes an answer, in any order, and once nothing is
/// missing `step` gives the targets in the order in which to try them. The procedure is walked afresh over the answers at
/// each step, so there is no state but the answers.
public struct ServerLocation: Sendable {
    /// What is to be found.
    public struct Goal: Hashable, Sendable {
        /// `sips:`, which only TLS serves.
        public var isSecure: Bool
        public var host: Host
        public var port: UInt16?
        /// What the URI's transport parameter or the Via says, in lower case; nil leaves the choice to the domain.
        public var transport: String?

        public init(isSecure: Bool, host: Host, port: UInt16? = nil, transport: String? = nil) {
            self.isSecure = isSecure
            self.host = host
            self.port = port
            self.transport = transport?.lowercased()
        }

        /// What a URI says. Its `maddr` is not heeded: it would let a stranger choose the address.
        public init(_ uri: URI) {
            self.init(isSecure: uri.scheme == .sips, host: uri.host, port: uri.port, transport: uri.transport)
        }

        /// Where a response goes when the connection of its request is gone: the sent-by of the topmost Via, without
        /// NAPTR, over the transport of the request (RFC 3263 section 5).
        public init(responseTo host: Host, port: UInt16?, transport: TransportKind) {
            self.init(isSecure: transport == .tls, host: host, port: port, transport: transport.rawValue)
        }
    }

    /// Something that only a name server knows. Names are in lower case and have no dot at their end.
    public enum Question: Hashable, Sendable {
        case naptr(String)
        case srv(String)
        /// A and AAAA.
        /// - Parameter isOfServer: the name itself came from a name server, so that it may be no address and no name of
        ///   this machine.
        case addresses(String, isOfServer: Bool)

        var isOfServer: Bool {
            if case .addresses(_, let isOfServer) = self { isOfServer } else { false }
        }
    }

    public enum Answer: Sendable, Equatable {
        case naptr([NAPTRRecord])
        case srv([SRVRecord])
        case addresses([IPAddress])
        /// There is nothing of that kind, and it is certain.
        case none
        /// Nobody knows, or what was said may not be used.
        case failed
    }

    public enum Step: Sendable, Equatable {
        /// All may be asked at once; all must be answered before the next step.
        case ask([Question])
        /// Never empty.
        case found([Target])
        case failed(Failure)
    }

    /// One place to send to.
    public struct Target: Hashable, Sendable {
        public var endpoint: Endpoint
        public var transport: TransportKind
        /// What a TLS server's certificate must cover: the domain that was asked for, wherever the name servers led
        /// (RFC 5922 section 7.3). Nil where that is an address.
        public var serverName: String?

        public init(_ endpoint: Endpoint, _ transport: TransportKind, serverName: String? = nil) {
            self.endpoint = endpoint
            self.transport = transport
            self.serverName = serverName
        }
    }

    /// The raw values label metrics.
    public enum Failure: String, Error, Sendable, CaseIterable {
        /// The name exists nowhere, or has no address.
        case notFound = "not_found"
        /// The domain says that it has no such service (RFC 2782, target ".").
        case serviceUnavailable = "service_unavailable"
        /// Nothing that the domain or the URI offers is spoken here; `sips:` is never answered without TLS.
        case unsupportedTransport = "unsupported_transport"
        /// No name server gave a usable answer; another try may.
        case serverFailed = "server_failed"
    }

    static let mostTargets = 16
    static let mostPointers = 8
    static let mostServices = 16
    static let mostQuestions = 24

    private let goal: Goal
    private let supported: [TransportKind]
    private var answers: [Question: Answer] = [:]

    /// - Parameter supported: what this edge can open towards others.
    public init(_ goal: Goal, supported: Set<TransportKind>) {
        self.goal = goal
        // In the order that RFC 3263 section 4.1 leaves to the client where the domain has no wish.
        self.supported = [.udp, .tcp, .tls].filter(supported.contains)
    }

    public mutating func received(_ answer: Answer, to question: Question) {
        answers[question] = answer
    }

    /// What to do next.
    /// - Parameter random: chooses among equals by their weights; used in the last step only.
    public func step(using random: inout some RandomNumberGenerator) -> Step {
        let fixed: TransportKind?
        switch fixedTransport() {
        case .failure(let failure): return .failed(failure)
        case .success(let transport): fixed = transport
        }
        var walk = Walk(answers: answers)
        let places: Result<[Place], Failure>
        switch (goal.host, fixed) {
        case (.address(let address), let transport?):
            return .found([Target(Endpoint(address, port: goal.port ?? transport.defaultPort), transport)])
        case (.name(let text), let transport?):
            let name = Self.canonical(text)
            places =
                goal.port == nil ? services(name, [transport], &walk) : .success(plain(name, transport))
        case (.name(let text), nil):
            places = chosenByDomain(Self.canonical(text), &walk)
        case (.address, nil):
            return .failed(.unsupportedTransport)
        }
        guard walk.isComplete else { return .ask(walk.missing) }
        switch places {
        case .failure(let failure): return .failed(failure)
        case .success(let places): return targets(places, &walk, &random)
        }
    }

    // MARK: Transport

    /// The transport that the domain is not asked about; nil where it is.
    private func fixedTransport() -> Result<TransportKind?, Failure> {
        let fixed: TransportKind
        switch (goal.transport, goal.isSecure) {
        case (nil, let isSecure):
            guard isNumeric || goal.port != nil else { return .success(nil) }
            fixed = isSecure ? .tls : supported.first { $0 != .tls } ?? .udp
        // RFC 3261 section 26.2.2: `sips:` with transport=tcp is TLS over TCP.
        case ("tcp", true), ("tls", _): fixed = .tls
        case ("udp", false): fixed = .udp
        case ("tcp", false): fixed = .tcp
        default: return .failure(.unsupportedTransport)
        }
        return supported.contains(fixed) ? .success(fixed) : .failure(.unsupportedTransport)
    }

    private var isNumeric: Bool {
        if case .address = goal.host { true } else { false }
    }

    // MARK: The domain's wishes

    /// A service or, without a service name, the host itself.
    private struct Place {
        var transport: TransportKind
        /// The name whose addresses are wanted on a fixed port.
        var host: String?
        var port: UInt16 = 0
        var isOfServer = false
        /// Else: servers in groups of equal priority.
        var groups: [[SRVRecord]] = []
    }

    private func plain(_ name: String, _ transport: TransportKind) -> [Place] {
        [Place(transport: transport, host: name, port: goal.port ?? transport.defaultPort)]
    }

    /// RFC 3263 section 4.1: NAPTR, else SRV for each transport, else the host.
    private func chosenByDomain(_ name: String, _ walk: inout Walk) -> Result<[Place], Failure> {
        switch walk.answer(.naptr(name)) {
        case nil: return .success([])
        case .failed: return .failure(.serverFailed)
        case .naptr(let records):
            let offers = records.filter(\.isForSIP).sorted {
                ($0.order, $0.preference) < ($1.order, $1.preference)
            }
            if !offers.isEmpty { return pointed(offers, name, &walk) }
        default: break
        }
        let candidates = supported.filter { ($0 == .tls) == goal.isSecure }
        return candidates.isEmpty ? .failure(.unsupportedTransport) : services(name, candidates, &walk)
    }

    /// RFC 3403 section 4.1: once a record of one order can be used, those of later orders are not looked at.
    private func pointed(_ offers: [NAPTRRecord], _ name: String, _ walk: inout Walk) -> Result<[Place], Failure> {
        let usable = offers.filter { offer in
            guard let transport = offer.transport, supported.contains(transport) else { return false }
            return !goal.isSecure || transport == .tls
        }
        guard let order = usable.first?.order else { return .failure(.unsupportedTransport) }
        let chosen = usable.prefix { $0.order == order }.prefix(Self.mostPointers)
        return services(
            name, chosen.compactMap { offer in offer.transport.map { ($0, Self.canonical(offer.replacement)) } },
            &walk)
    }

    private func services(
        _ name: String, _ transports: [TransportKind], _ walk: inout Walk
    ) -> Result<[Place], Failure> {
        services(name, transports.map { ($0, "\($0.servicePrefix).\(name)") }, &walk)
    }

    /// RFC 3263 section 4.2: the servers of each service, else the host on the first transport's default port.
    private func services(
        _ name: String, _ services: [(transport: TransportKind, name: String)], _ walk: inout Walk
    ) -> Result<[Place], Failure> {
        var places: [Place] = []
        var isRefused = false
        var hasFailed = false
        for service in services {
            switch walk.answer(.srv(service.name)) {
            case .srv(let records):
                let servers = records.filter { !$0.isRefusal }
                if servers.isEmpty {
                    isRefused = true
                } else {
                    places.append(Place(transport: service.transport, groups: SRVRecord.groups(servers)))
                }
            case .failed: hasFailed = true
            case nil, .some: continue
            }
        }
        guard places.isEmpty else { return .success(places) }
        if isRefused { return .failure(.serviceUnavailable) }
        // A name server that does not answer is no domain without servers: its default port would be a guess.
        if hasFailed { return .failure(.serverFailed) }
        return .success(services.first.map { plain(name, $0.transport) } ?? [])
    }

    // MARK: Addresses

    private func targets(
        _ places: [Place], _ walk: inout Walk, _ random: inout some RandomNumberGenerator
    ) -> Step {
        var left = min(Self.mostServices, Self.mostQuestions - answers.keys.count { !$0.isOfServer })
        var servers: [(transport: TransportKind, name: String, port: UInt16, isOfServer: Bool)] = []
        // What is asked for must not depend on chance, or each step would ask for something else.
        var bounded = places
        for place in bounded.indices {
            bounded[place].groups = bounded[place].groups.map { group in
                let kept = group.prefix(left)
                left -= kept.count
                return Array(kept)
            }
            for record in bounded[place].groups.joined() {
                _ = walk.answer(.addresses(Self.canonical(record.target), isOfServer: true))
            }
            if let host = bounded[place].host { _ = walk.answer(.addresses(host, isOfServer: false)) }
        }
        guard walk.isComplete else { return .ask(walk.missing) }
        for place in bounded {
            if let host = place.host { servers.append((place.transport, host, place.port, false)) }
            for group in place.groups {
                for record in SRVRecord.drawn(group, using: &random) {
                    servers.append((place.transport, Self.canonical(record.target), record.port, true))
                }
            }
        }
        var found: [Target] = []
        var hasFailed = false
        for server in servers {
            switch walk.answer(.addresses(server.name, isOfServer: server.isOfServer)) {
            case .addresses(let addresses):
                for address in addresses {
                    let target = Target(
                        Endpoint(address, port: server.port), server.transport, serverName: serverName)
                    if !found.contains(target) { found.append(target) }
                }
            case .failed: hasFailed = true
            case nil, .some: continue
            }
            if found.count >= Self.mostTargets { break }
        }
        guard found.isEmpty else { return .found(Array(found.prefix(Self.mostTargets))) }
        return .failed(hasFailed ? .serverFailed : .notFound)
    }

    private var serverName: String? {
        if case .name(let name) = goal.host { Self.canonical(name) } else { nil }
    }

    // MARK: Asking

    /// The answers, and what was looked for among them in vain.
    private struct Walk {
        let answers: [Question: Answer]
        var missing: [Question] = []

        var isComplete: Bool { missing.isEmpty }

        mutating func answer(_ question: Question) -> Answer? {
            if let answer = answers[question] { return answer }
            if !missing.contains(question) { missing.append(question) }
            return nil
        }
    }

    /// Lower case, without the root's dot.
    private static func canonical(_ name: String) -> String {
        (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
    }
}

extension TransportKind {
    /// The labels in front of a domain that SRV records of SIP over this transport stand under.
    var servicePrefix: String {
        switch self {
        case .udp: "_sip._udp"
        case .tcp: "_sip._tcp"
        case .tls: "_sips._tcp"
        }
    }
}
