public import CoreTypes

/// All that the registry knew at one moment, as plain values: what calls are decided with.
public struct RegistrySnapshot: Sendable, Equatable {
    /// HA1 (RFC 7616 section 3.4.2) for each algorithm in which it is known: lower-case hexadecimal digits in ASCII, as
    /// they go on into the response's hash.
    public struct Hashes: Sendable, Equatable {
        public var md5: [UInt8]?
        public var sha256: [UInt8]?
        public var sha512_256: [UInt8]?

        public init(md5: [UInt8]? = nil, sha256: [UInt8]? = nil, sha512_256: [UInt8]? = nil) {
            self.md5 = md5
            self.sha256 = sha256
            self.sha512_256 = sha512_256
        }

        /// The names of the algorithms (RFC 8760 section 2.1) in which a hash is known.
        public var algorithms: [String] {
            [(md5, "MD5"), (sha256, "SHA-256"), (sha512_256, "SHA-512-256")].compactMap { $0.0 == nil ? nil : $0.1 }
        }
    }

    public struct Subscriber: Sendable, Equatable {
        public var username: String
        /// In lower case.
        public var domain: String
        public var ha1: Hashes
        public var isEnabled: Bool

        public init(username: String, domain: String, ha1: Hashes, isEnabled: Bool) {
            self.username = username
            self.domain = domain
            self.ha1 = ha1
            self.isEnabled = isEnabled
        }
    }

    /// A network that may send requests.
    public struct Address: Sendable, Equatable {
        public var network: IPNetwork
        public var group: Int
        /// 0: any.
        public var port: UInt16
        /// Nil: any.
        public var transport: TransportKind?
        /// The organization that it belongs to.
        public var tag: String

        public init(network: IPNetwork, group: Int, port: UInt16 = 0, transport: TransportKind? = nil, tag: String) {
            self.network = network
            self.group = group
            self.port = port
            self.transport = transport
            self.tag = tag
        }
    }

    /// An Ed25519 public key.
    public struct Key: Sendable, Equatable {
        public var id: String
        /// 32 octets.
        public var publicKey: [UInt8]
        /// Milliseconds since 1970; nil: no limit.
        public var notBefore: Int64?
        public var notAfter: Int64?

        public init(id: String, publicKey: [UInt8], notBefore: Int64? = nil, notAfter: Int64? = nil) {
            self.id = id
            self.publicKey = publicKey
            self.notBefore = notBefore
            self.notAfter = notAfter
        }
    }

    public struct Expert: Sendable, Equatable {
        /// The address of record, its domain in lower case.
        public var id: String
        public var name: String
        public var organization: String
        /// The hazards that it may be asked about.
        public var specializations: [String]
        public var isVerified: Bool
        /// A SIP URI; nil when the expert can't be called.
        public var contact: String?
        public var keys: [Key]

        public init(
            id: String, name: String, organization: String, specializations: [String], isVerified: Bool,
            contact: String? = nil, keys: [Key] = []
        ) {
            self.id = id
            self.name = name
            self.organization = organization
            self.specializations = specializations
            self.isVerified = isVerified
            self.contact = contact
            self.keys = keys
        }
    }

    public var subscribers: [Subscriber]
    public var addresses: [Address]
    public var experts: [Expert]
    /// Those that had not ended.
    public var bans: [Ban]
    /// Rows that could not be used as they stand, and passwords in plain text: each a sentence for the operator.
    public var problems: [String]
    /// Counts the changes that a ``RegistryFollower`` has seen; 0 for a snapshot taken by hand.
    public var revision: UInt64

    public init(
        subscribers: [Subscriber] = [], addresses: [Address] = [], experts: [Expert] = [], bans: [Ban] = [],
        problems: [String] = [], revision: UInt64 = 0
    ) {
        self.subscribers = subscribers
        self.addresses = addresses
        self.experts = experts
        self.bans = bans
        self.problems = problems
        self.revision = revision
    }
}

extension RegistryStore {
    /// Reads everything in one transaction.
    public func snapshot() throws(RegistryError) -> RegistrySnapshot {
        let now = clock()
        return try read { database in
            var snapshot = RegistrySnapshot()
            try SubscriberReader(settings: settings).forEach(in: database, where: "1") { row in
                snapshot.problems += row.problems
                snapshot.subscribers.append(
                    .init(username: row.username, domain: row.domain, ha1: row.hashes, isEnabled: row.isEnabled))
            }
            try AddressReader(hasProto: schema.addressHasProto).forEach(in: database) { _, outcome in
                switch outcome {
                case .success(let rule): snapshot.addresses.append(rule)
                case .failure(let problem): snapshot.problems.append(problem.text)
                }
            }
            let (experts, problems) = try ExpertReader.all(in: database)
            snapshot.experts = experts
            snapshot.bans = try Self.bans(in: database, at: now)
            snapshot.problems += problems
            return snapshot
        }
    }
}
