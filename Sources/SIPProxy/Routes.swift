internal import CoreTypes
public import SIPMessage

/// One line of the routes: what it matches and where that goes.
public struct Route: Sendable {
    /// All conditions that are given must hold; none given matches everything.
    public struct Match: Sendable, Hashable {
        /// Against the Request-URI's user with its escapes resolved: see `Glob`.
        public var user: String?
        /// The Request-URI's host.
        public var domain: String?
        public var profile: String?
        /// The allowlist tag.
        public var tag: String?
        /// Header fields that must be there, with patterns for their values.
        public var headers: [String: String]

        public init(
            user: String? = nil, domain: String? = nil, profile: String? = nil, tag: String? = nil,
            headers: [String: String] = [:]
        ) {
            self.user = user
            self.domain = domain?.lowercased()
            self.profile = profile
            self.tag = tag
            self.headers = headers
        }
    }

    public enum Destination: Sendable, Hashable {
        /// The contact of the registered expert that the Request-URI names.
        case registry
        case uri(URI)
        /// A pool by its name.
        case pool(String)
    }

    public var name: String
    public var match: Match
    public var destination: Destination
    /// The target is an H.323 bridge and is told so.
    public var isBridge: Bool

    public init(name: String, match: Match, destination: Destination, isBridge: Bool = false) {
        self.name = name
        self.match = match
        self.destination = destination
        self.isBridge = isBridge
    }
}

/// Where an admitted request goes.
public struct RouteDecision: Sendable {
    public enum Destination: Sendable, Hashable {
        /// With the user that was asked for, unless the route names another.
        case uri(URI)
        case pool(String)
    }

    public var route: String
    public var destination: Destination
    public var isBridge: Bool
    public var isExpert: Bool
}

/// The routes in order; the first match wins.
public struct RouteTable: Sendable {
    private let routes: [Route]

    public init(_ routes: [Route]) {
        self.routes = routes
    }

    public enum Outcome: Sendable {
        case forward(RouteDecision)
        /// No route matches: `404`.
        case noRoute
        /// The expert has no contact: `480`.
        case noContact(route: String)
    }

    /// - Parameters:
    ///   - profile: of the listener that the request came in on.
    ///   - tag: of the allowlist entry that let it in.
    ///   - destination: whom the request is for, where that is not what its Request-URI says.
    ///   - contact: the registered contact of an expert, by address of record.
    public func decide(
        _ request: Message, profile: String, tag: String?, destination: URI? = nil, contact: (String) -> URI?
    ) -> Outcome {
        guard let target = destination ?? request.requestURI else { return .noRoute }
        for route in routes where matches(route.match, request, target, profile: profile, tag: tag) {
            switch route.destination {
            case .registry:
                guard let contact = target.addressOfRecord.flatMap(contact) else {
                    return .noContact(route: route.name)
                }
                return .forward(
                    RouteDecision(
                        route: route.name, destination: .uri(contact), isBridge: route.isBridge, isExpert: true))
            case .uri(let uri):
                return .forward(
                    RouteDecision(
                        route: route.name, destination: .uri(Self.retarget(target, at: uri)), isBridge: route.isBridge,
                        isExpert: false))
            case .pool(let name):
                return .forward(
                    RouteDecision(
                        route: route.name, destination: .pool(name), isBridge: route.isBridge, isExpert: false))
            }
        }
        return .noRoute
    }

    /// A target with a user replaces the Request-URI; one without keeps whom the caller asked for.
    public static func retarget(_ original: URI, at target: URI) -> URI {
        guard target.user == nil, let user = original.user else { return target }
        guard let colon = target.text.firstIndex(of: ":") else { return target }
        let head = target.text[...colon]
        let tail = target.text[target.text.index(after: colon)...]
        return URI("\(head)\(user)@\(tail)") ?? target
    }

    private func matches(
        _ match: Route.Match, _ request: Message, _ target: URI, profile: String, tag: String?
    ) -> Bool {
        if let wanted = match.profile, wanted != profile { return false }
        if let pattern = match.tag, !Glob.matches(pattern, tag ?? "") { return false }
        if let wanted = match.domain, wanted != target.host.description { return false }
        if let pattern = match.user, !Glob.matches(pattern, target.unescapedUser ?? "") { return false }
        for (name, pattern) in match.headers {
            let values = request.all(named: name)
            guard values.contains(where: { Glob.matches(pattern, request.text($0.value)) }) else { return false }
        }
        return true
    }
}
