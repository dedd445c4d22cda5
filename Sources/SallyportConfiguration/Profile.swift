package import SettingsFile

/// Which layers apply to those who call at a listener, and how.
public struct Profile: Sendable, Equatable {
    /// The two that ship; a profile of another name takes what it leaves out from one of them.
    public enum BuiltIn: String, Sendable, CaseIterable {
        case experts
        case trunks

        public var profile: Profile { self == .experts ? .experts : .trunks }
    }

    /// A number of new requests from one source in a time.
    public struct SourceRate: Sendable, Equatable {
        public var requests: Int
        public var per: Duration
        /// After this much silence a source is forgotten.
        public var forgetAfter: Duration
    }

    public struct Allowlist: Sendable, Equatable {
        /// Kamailio's `grp` of the networks that count here.
        public var group: Int
    }

    public enum TransportSecurity: String, Sendable, CaseIterable {
        case required
        case ifTLS = "if_tls"
        case off
    }

    public enum DigestAlgorithm: String, Sendable, CaseIterable {
        case sha256 = "SHA-256"
        case sha512256 = "SHA-512-256"
        case md5 = "MD5"
    }

    public struct Authentication: Sendable, Equatable {
        public var realm = "external.advisor"
        /// In the order offered; never empty.
        public var algorithms: [DigestAlgorithm] = [.sha256, .sha512256, .md5]
        public var nonceLifetime = Duration.seconds(300)
        /// This many failures of a user from one source within `failureWindow` block the pair for `blockFor`.
        public var failures = 5
        public var failureWindow = Duration.seconds(300)
        public var blockFor = Duration.seconds(300)
        /// This many users with failures from one source within `failureWindow` block the source for `blockFor`, for all
        /// but those who have authenticated from there before; 0: never.
        public var failingUsers = 10

        public init() {}
    }

    /// Calls of one caller in any window of this length.
    public struct CallRate: Sendable, Equatable {
        public var calls: Int
        public var per: Duration
    }

    public struct Guard: Sendable, Equatable {
        public struct Headers: Sendable, Equatable {
            public var trace = "X-IF-Trace-ID"
            public var hazard = "X-IF-Hazard"
            public var signature = "X-IF-Signature"
        }

        public enum Signature: String, Sendable, CaseIterable {
            case off
            case ifPresent = "if_present"
            case required
        }

        /// A policy service that is asked over HTTP after the built-in rules have passed a call.
        public struct Webhook: Sendable, Equatable {
            public enum Failure: String, Sendable, CaseIterable {
                case closed
                case open
            }

            public var url = ""
            public var timeout = Duration.milliseconds(200)
            public var fail = Failure.closed
        }

        public var headers = Headers()
        public var hazards = ["safety", "alignment", "ethics", "bias", "security", "privacy"]
        public var signature = Signature.ifPresent
        public var signatureWindow = Duration.seconds(300)
        /// None: at any time.
        public var hours: [Hours] = []
        /// None: whomever the routes lead to.
        public var destinations: [Destinations] = []
        public var webhook: Webhook?

        public init() {}
    }

    /// Asking both sides of a call that is up, by OPTIONS inside its dialog, whether they are still there.
    public struct Liveness: Sendable, Equatable {
        /// Between two questions; a side that has said something meanwhile isn't asked.
        public var every: Duration
        /// Questions in a row without an answer after which the call is ended.
        public var misses = 3
    }

    /// Whose client certificates are accepted: globs for distinguished names in RFC 4514 form; nil: any.
    public struct Certificate: Sendable, Equatable {
        public var subject: String?
        public var issuer: String?

        public init() {}
    }

    /// The built-in that gives the values left out; nil: the one of the profile's own name, or else `experts`.
    public var like: BuiltIn?
    public var sourceRate: SourceRate
    public var allowlist: Allowlist
    public var transportSecurity: TransportSecurity
    /// Where there are any, a client on TLS must show a certificate that one of them is about.
    public var certificates: [Certificate] = []
    /// Nil: off.
    public var authentication: Authentication?
    public var callRate: CallRate
    /// Nil: off.
    public var `guard`: Guard?
    /// For each expert; 0: no limit.
    public var maxConcurrentCalls: Int
    /// Zero: no limit.
    public var maxDuration: Duration
    /// Nil: off.
    public var liveness: Liveness?

    /// For outside people and their softphones.
    public static let experts = Profile(
        sourceRate: SourceRate(requests: 30, per: .seconds(10), forgetAfter: .seconds(120)),
        allowlist: Allowlist(group: 1), transportSecurity: .required, authentication: Authentication(),
        callRate: CallRate(calls: 10, per: .seconds(60)), guard: Guard(),
        maxConcurrentCalls: 5, maxDuration: .seconds(4 * 3600), liveness: Liveness(every: .seconds(60)))

    /// For SIP providers and PBXs.
    public static let trunks = Profile(
        sourceRate: SourceRate(requests: 300, per: .seconds(10), forgetAfter: .seconds(120)),
        allowlist: Allowlist(group: 2), transportSecurity: .ifTLS, authentication: nil,
        callRate: CallRate(calls: 600, per: .seconds(60)), guard: nil,
        maxConcurrentCalls: 0, maxDuration: .zero, liveness: Liveness(every: .seconds(300)))
}

extension Profile: Section {
    package mutating func fill(_ form: Form) {
        form.optional("like", &like, .choice())
        form.section("source_rate", &sourceRate)
        form.section("allowlist", &allowlist)
        form.value("transport_security", &transportSecurity, .choice())
        form.sections("certificates", &certificates, blank: Certificate())
        form.switchable("authentication", &authentication, on: Authentication())
        form.section("call_rate", &callRate)
        form.switchable("guard", &`guard`, on: Guard())
        form.value("max_concurrent_calls", &maxConcurrentCalls, .integer(0...1_000_000))
        form.value("max_duration", &maxDuration, .duration(.zero ... .seconds(30 * 86_400)))
        form.switchable("liveness", &liveness, on: Liveness(every: .seconds(60)))
    }
}

extension Profile.SourceRate: Section {
    package mutating func fill(_ form: Form) {
        form.value("requests", &requests, .integer(1...10_000_000))
        form.value("per", &per, .duration(.milliseconds(100) ... .seconds(3600)))
        form.value("forget_after", &forgetAfter, .duration(.seconds(1) ... .seconds(86_400)))
        if forgetAfter < per {
            form.complain(
                "forget_after", "is shorter than 'per', so a source would be forgotten while it is counted",
                mend: "give it at least \(Notation<Duration>.text(of: per))")
        }
    }
}

extension Profile.Allowlist: Section {
    package mutating func fill(_ form: Form) {
        form.value("group", &group, .integer(0...Int(Int32.max)))
    }
}

extension Profile.Authentication: Section {
    package mutating func fill(_ form: Form) {
        form.value("realm", &realm, .realm)
        form.list("algorithms", &algorithms, .choice())
        form.value("nonce_lifetime", &nonceLifetime, .duration(.seconds(1) ... .seconds(86_400)))
        form.value("failures", &failures, .integer(1...1_000_000))
        form.value("failure_window", &failureWindow, .duration(.seconds(1) ... .seconds(86_400)))
        form.value("failing_users", &failingUsers, .integer(0...1000))
        form.value("block_for", &blockFor, .duration(.seconds(1) ... .seconds(30 * 86_400)))
        if algorithms.isEmpty {
            form.complain(
                "algorithms", "is empty, so nobody could authenticate",
                mend: "name one of SHA-256, SHA-512-256, MD5, or write 'authentication: off'")
        }
    }
}

extension Profile.CallRate: Section {
    package mutating func fill(_ form: Form) {
        form.value("calls", &calls, .integer(1...10_000_000))
        form.value("per", &per, .duration(.milliseconds(100) ... .seconds(86_400)))
    }
}

extension Profile.Liveness: Section {
    package mutating func fill(_ form: Form) {
        form.value("every", &every, .duration(.milliseconds(100) ... .seconds(3600)))
        form.value("misses", &misses, .integer(1...100))
    }
}

extension Profile.Guard: Section {
    package mutating func fill(_ form: Form) {
        form.section("headers", &headers)
        form.list("hazards", &hazards, .name)
        form.value("signature", &signature, .choice())
        form.value("signature_window", &signatureWindow, .duration(.seconds(1) ... .seconds(3600)))
        form.sections("hours", &hours, blank: Hours())
        form.sections("destinations", &destinations, blank: Destinations())
        form.switchable("webhook", &webhook, on: Webhook())
        if hazards.isEmpty {
            form.complain(
                "hazards", "is empty, so no call could pass", mend: "name the hazards, or write 'guard: off'")
        }
    }
}

extension Profile.Guard.Headers: Section {
    package mutating func fill(_ form: Form) {
        form.value("trace", &trace, .headerName)
        form.value("hazard", &hazard, .headerName)
        form.value("signature", &signature, .headerName)
    }
}

extension Profile.Guard.Webhook: Section {
    package mutating func fill(_ form: Form) {
        form.required("url", &url, .url(schemes: ["https", "http"]))
        form.value("timeout", &timeout, .duration(.milliseconds(10) ... .seconds(30)))
        form.value("fail", &fail, .choice())
    }
}

extension Profile.Certificate: Section {
    package mutating func fill(_ form: Form) {
        form.optional("subject", &subject, .glob)
        form.optional("issuer", &issuer, .glob)
        if subject == nil, issuer == nil {
            form.complain(
                "subject", "accepts every certificate", mend: "name a subject or an issuer, such as \"CN=*,O=Partner\"")
        }
    }
}
