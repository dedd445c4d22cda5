public import CoreTypes
package import SettingsFile

extension Configuration {
    /// A socket that takes SIP, and the profile of those who call there.
    public struct Listener: Sendable, Equatable {
        public var transport: TransportKind
        /// Port 0 asks the system for a free one.
        public var address: Endpoint
        /// A key of `profiles`.
        public var profile: String
        /// Load balancers whose connections begin with the real client's address (PROXY protocol, version 2).
        public var proxyProtocol: [IPNetwork]

        public init(
            transport: TransportKind, address: Endpoint, profile: String, proxyProtocol: [IPNetwork] = []
        ) {
            self.transport = transport
            self.address = address
            self.profile = profile
            self.proxyProtocol = proxyProtocol
        }

        /// TLS on 5061 of every IPv4 address, for experts.
        public static let standard = Listener(
            transport: .tls, address: Endpoint(IPAddress(v4: 0), port: 5061), profile: "experts")
    }

    /// What Via and Record-Route call this edge, for each transport; nil: the address that a packet leaves from.
    public struct Advertise: Sendable, Equatable {
        public var udp: HostPort?
        public var tcp: HostPort?
        public var tls: HostPort?

        public init(udp: HostPort? = nil, tcp: HostPort? = nil, tls: HostPort? = nil) {
            self.udp = udp
            self.tcp = tcp
            self.tls = tls
        }

        public subscript(transport: TransportKind) -> HostPort? {
            switch transport {
            case .udp: udp
            case .tcp: tcp
            case .tls: tls
            }
        }
    }

    /// The edge's own certificate, and whom it trusts. Paths are as written: see `resolve(_:)`.
    public struct TLS: Sendable, Equatable {
        public enum Version: String, Sendable, CaseIterable {
            case v12 = "1.2"
            case v13 = "1.3"
        }

        public enum ClientCertificate: String, Sendable, CaseIterable {
            case none
            case optional
            case required
        }

        /// PEM, leaf first.
        public var certificate = "tls/server.pem"
        public var key = "tls/server-key.pem"
        /// PEM; for client certificates and for outbound TLS.
        public var trust = "tls/ca-list.pem"
        /// Certificate revocation lists, PEM or DER.
        public var revocation: [String] = []
        public var minimum = Version.v12
        public var clientCertificate = ClientCertificate.optional
        public var warnBeforeExpiry = Duration.seconds(30 * 86_400)

        public init() {}
    }

    /// Hard limits, met before any layer.
    public struct Limits: Sendable, Equatable {
        public var messageBytes = 65_535
        public var headers = 256
        /// Bytes of one header field, name and value.
        public var headerBytes = 8192
        public var connections = 20_000
        public var connectionsPerSource = 64
        public var handshakeTimeout = Duration.seconds(10)
        public var idleTimeout = Duration.seconds(3605)
        /// 0: decided by overload control alone.
        public var newCallsPerSecond = 0
        /// Requests kept in memory: those under way, and answered ones for as long as they may be sent again.
        public var transactions = 600_000
        /// Event loops that carry SIP, each on a core of its own where there are so many.
        public var shards = 1

        public init() {}
    }

    /// RFC 3261's timers, table 4. Changed in tests and on very slow or very fast networks.
    public struct SIPTimers: Sendable, Equatable {
        public var t1 = Duration.milliseconds(500)
        public var t2 = Duration.seconds(4)
        public var t4 = Duration.seconds(5)
        public var timerC = Duration.seconds(180)

        public init() {}
    }
}

extension Configuration.Listener: Section {
    package mutating func fill(_ form: Form) {
        form.required("transport", &transport, .transport)
        form.required("address", &address, .endpoint)
        form.value("profile", &profile, .name)
        form.list("proxy_protocol", &proxyProtocol, .network)
        if transport == .udp, !proxyProtocol.isEmpty {
            form.complain(
                "proxy_protocol", "the PROXY protocol is not for datagrams",
                mend: "remove it here, or use transport tcp or tls")
        }
        for (index, network) in proxyProtocol.enumerated() where network.prefixLength == 0 {
            form.complain(
                "proxy_protocol[\(index)]", "trusts everybody to say who they are",
                mend: "name the addresses of the load balancers")
        }
    }
}

extension Configuration.Advertise: Section {
    package mutating func fill(_ form: Form) {
        form.optional("udp", &udp, .hostPort)
        form.optional("tcp", &tcp, .hostPort)
        form.optional("tls", &tls, .hostPort)
    }
}

extension Configuration.TLS: Section {
    package mutating func fill(_ form: Form) {
        form.value("certificate", &certificate, .path)
        form.value("key", &key, .path)
        form.value("trust", &trust, .path)
        form.list("revocation", &revocation, .path)
        form.value("minimum", &minimum, .choice())
        form.value("client_certificate", &clientCertificate, .choice())
        form.value("warn_before_expiry", &warnBeforeExpiry, .duration(.zero ... .seconds(3650 * 86_400)))
    }
}

extension Configuration.Limits: Section {
    package mutating func fill(_ form: Form) {
        form.value("message_bytes", &messageBytes, .size(1024...65_535))
        form.value("headers", &headers, .integer(16...10_000))
        form.value("header_bytes", &headerBytes, .size(256...65_535))
        form.value("connections", &connections, .integer(1...1_000_000))
        form.value("connections_per_source", &connectionsPerSource, .integer(1...1_000_000))
        form.value("handshake_timeout", &handshakeTimeout, .duration(.milliseconds(100) ... .seconds(300)))
        form.value("idle_timeout", &idleTimeout, .duration(.seconds(1) ... .seconds(7 * 86_400)))
        form.value("new_calls_per_second", &newCallsPerSecond, .integer(0...1_000_000))
        form.value("transactions", &transactions, .integer(16...10_000_000))
        form.value("shards", &shards, .integer(1...64))
    }
}

extension Configuration.SIPTimers: Section {
    package mutating func fill(_ form: Form) {
        form.value("t1", &t1, .duration(.milliseconds(10) ... .seconds(10)))
        form.value("t2", &t2, .duration(.milliseconds(10) ... .seconds(60)))
        form.value("t4", &t4, .duration(.milliseconds(10) ... .seconds(60)))
        form.value("timer_c", &timerC, .duration(.milliseconds(10) ... .seconds(3600)))
        if t2 < t1 {
            form.complain("t2", "is shorter than t1", mend: "give it at least \(Notation<Duration>.text(of: t1))")
        }
    }
}
