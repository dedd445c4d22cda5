package import SettingsFile

/// One line of the routing table: what it matches, and where that goes.
public struct Route: Sendable, Equatable {
    /// What a request must show; parts left out match everything.
    public struct Match: Sendable, Equatable {
        /// Glob over the user part of the Request-URI: `*` stands for any text, `?` for one character.
        public var user: String?
        /// Host of the Request-URI, in lower case.
        public var domain: String?
        /// Profile of the listener that it came in by.
        public var profile: String?
        /// Organization tag of the allowlist entry that admitted it.
        public var tag: String?
        /// Header names and the globs that their values must match.
        public var header: [String: String] = [:]

        public init(
            user: String? = nil, domain: String? = nil, profile: String? = nil, tag: String? = nil,
            header: [String: String] = [:]
        ) {
            self.user = user
            self.domain = domain
            self.profile = profile
            self.tag = tag
            self.header = header
        }
    }

    public enum Target: Sendable, Equatable {
        /// The contact of the registered expert that the Request-URI names.
        case registry
        /// A key of `Configuration.pools`.
        case pool(String)
        /// A `sip:` or `sips:` URI.
        case uri(String)
    }

    public var name = ""
    public var match = Match()
    public var to = Target.registry
    /// The target is a bridge to H.323: it gets the bridge's headers and the call an `H323_BRIDGE` event.
    public var bridge = false

    public init(name: String = "", match: Match = Match(), to: Target = .registry, bridge: Bool = false) {
        self.name = name
        self.match = match
        self.to = to
        self.bridge = bridge
    }

    /// The default routes; `freeswitch` is among them only where a pool of that name is.
    static let experts = Route(
        name: "experts", match: Match(user: "expert-*", domain: "external.advisor"), to: .registry)
    static let freeswitch = Route(name: "freeswitch", match: Match(profile: "trunks"), to: .pool("freeswitch"))
    static let bridge = Route(name: "bridge", to: .uri("sip:h323-gateway@127.0.0.1:5062"), bridge: true)
}

/// Servers that stand in for each other.
public struct Pool: Sendable, Equatable {
    /// Asking each server by OPTIONS whether it is there.
    public struct Probe: Sendable, Equatable {
        public var every = Duration.seconds(10)
        public var timeout = Duration.seconds(2)
        /// Failures in a row that take a server out.
        public var downAfter = 3
        /// Answers in a row that bring it back.
        public var upAfter = 1

        public init() {}
    }

    public struct Target: Sendable, Equatable {
        /// A `sip:` or `sips:` URI.
        public var uri = ""
        /// Share of the calls among servers of one priority.
        public var weight = 1
        /// Lower is tried first.
        public var priority = 1

        public init(uri: String, weight: Int = 1, priority: Int = 1) {
            self.uri = uri
            self.weight = weight
            self.priority = priority
        }
    }

    /// How the targets of one priority are tried.
    public enum Ring: String, Sendable, CaseIterable {
        case oneByOne = "one_by_one"
        /// All at once: the first that answers gets the call.
        case together
    }

    public var ring = Ring.oneByOne
    /// Nil: off, every server counts as up.
    public var probe: Probe? = Probe()
    /// Never empty.
    public var targets: [Target] = []

    public init() {}
}

extension Route: Section {
    package mutating func fill(_ form: Form) {
        form.required("name", &name, .name)
        form.section("match", &match)
        form.required("to", &to, .routeTarget)
        form.value("bridge", &bridge, .boolean)
    }
}

extension Route.Match: Section {
    package mutating func fill(_ form: Form) {
        form.optional("user", &user, .glob)
        form.optional("domain", &domain, .host)
        form.optional("profile", &profile, .name)
        form.optional("tag", &tag, .glob)
        form.values("header", &header, named: .headerName, .glob)
    }
}

extension Pool: Section {
    package mutating func fill(_ form: Form) {
        form.value("ring", &ring, .choice())
        form.switchable("probe", &probe, on: Probe())
        form.sections("targets", &targets, blank: Target(uri: ""))
        if targets.isEmpty {
            form.complain(
                "targets", "has no target", mend: #"add one such as {uri: "sip:10.0.1.20:5060;transport=udp"}"#)
        }
    }
}

extension Pool.Probe: Section {
    package mutating func fill(_ form: Form) {
        form.value("every", &every, .duration(.milliseconds(100) ... .seconds(3600)))
        form.value("timeout", &timeout, .duration(.milliseconds(10) ... .seconds(60)))
        form.value("down_after", &downAfter, .integer(1...1000))
        form.value("up_after", &upAfter, .integer(1...1000))
    }
}

extension Pool.Target: Section {
    package mutating func fill(_ form: Form) {
        form.required("uri", &uri, .sipURI)
        form.value("weight", &weight, .integer(0...65_535))
        form.value("priority", &priority, .integer(0...65_535))
    }
}
