public import SIPMessage

/// A subscriber as authentication needs one.
public struct Subscriber: Sendable, Hashable {
    /// `username@domain`, the domain in lower case.
    public var addressOfRecord: String
    public var username: String
    public var domain: String
    /// HA1 in lower-case hexadecimal (RFC 7616 section 3.4.2), for each algorithm that it is known for.
    public var ha1: [DigestAlgorithm: String]
    public var isEnabled: Bool

    public init(username: String, domain: String, ha1: [DigestAlgorithm: String], isEnabled: Bool = true) {
        self.username = username
        self.domain = domain.lowercased()
        self.addressOfRecord = "\(username)@\(domain.lowercased())"
        self.ha1 = ha1
        self.isEnabled = isEnabled
    }
}

/// All subscribers, as an immutable snapshot.
public struct SubscriberDirectory: Sendable {
    private let byAddress: [String: Subscriber]
    private let addresses: [String]
    /// For each realm the algorithms that every enabled subscriber can answer.
    private let common: [String: Set<DigestAlgorithm>]

    public init(_ subscribers: [Subscriber] = []) {
        byAddress = Dictionary(subscribers.map { ($0.addressOfRecord, $0) }, uniquingKeysWith: { first, _ in first })
        // Copies, so that finding one takes comparing all of it, as for one that comes from outside.
        addresses = byAddress.keys.map { String(decoding: Array($0.utf8), as: UTF8.self) }
        common = Dictionary(grouping: subscribers.filter(\.isEnabled), by: \.domain).mapValues { members in
            members.reduce(Set(DigestAlgorithm.allCases)) { $0.intersection($1.ha1.keys) }
        }
    }

    /// Somebody to judge credentials against.
    struct Candidate {
        let subscriber: Subscriber
        /// Whether this is who was looked for; else anybody, whom nothing may be granted to.
        let isKnown: Bool
    }

    /// Finds one that is there and one that is not each time, so that neither the work nor what has to come from memory tells
    /// which of them was asked for.
    func candidate(username: String, realm: String) -> Candidate {
        let address = "\(username)@\(realm.lowercased())"
        // No user begins with a blank.
        let absent = " \(address)"
        let anybody = addresses.isEmpty ? absent : addresses[Int(address.hashValue.magnitude % UInt(addresses.count))]
        let found = byAddress[address]
        let other = byAddress[found == nil ? anybody : absent]
        return Candidate(subscriber: found ?? other ?? Self.nobody, isKnown: found != nil)
    }

    /// Where there is no subscriber at all.
    private static let nobody = Subscriber(username: "nobody", domain: "invalid", ha1: [:], isEnabled: false)

    /// The configured algorithms that can be offered for a realm without shutting anyone out, strongest first as
    /// configured. Decided for the realm, so that an offer says nothing about a user.
    public func offered(_ configured: [DigestAlgorithm], realm: String) -> [DigestAlgorithm] {
        guard let common = common[realm.lowercased()] else { return configured }
        let offered = configured.filter(common.contains)
        return offered.isEmpty ? configured : offered
    }
}

/// One of an expert's Ed25519 keys (RFC 8032) with the time it is good for, in milliseconds since 1970.
public struct ExpertKey: Sendable, Hashable {
    public var id: String
    /// 32 octets.
    public var publicKey: [UInt8]
    public var notBefore: Int64?
    public var notAfter: Int64?

    public init(id: String, publicKey: [UInt8], notBefore: Int64? = nil, notAfter: Int64? = nil) {
        self.id = id
        self.publicKey = publicKey
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    func isValid(at wall: Int64) -> Bool {
        wall >= notBefore ?? .min && wall <= notAfter ?? .max
    }
}

/// A registered expert as the guard and the routes need one.
public struct Expert: Sendable, Hashable {
    /// `user@host`, the host in lower case.
    public var id: String
    public var name: String
    public var organization: String
    public var specializations: Set<String>
    public var isVerified: Bool
    /// Where a call to the expert goes; nil when none is registered.
    public var contact: URI?
    public var keys: [ExpertKey]

    public init(
        id: String, name: String, organization: String, specializations: Set<String>, isVerified: Bool,
        contact: URI? = nil, keys: [ExpertKey] = []
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

/// All experts, as an immutable snapshot.
public struct ExpertDirectory: Sendable {
    private let byID: [String: Expert]
    /// The verified ones by what they cover, in order of their identifiers.
    private let byHazard: [String: [Expert]]

    public init(_ experts: [Expert] = []) {
        byID = Dictionary(experts.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        byHazard = byID.values.filter(\.isVerified).sorted { $0.id < $1.id }.reduce(into: [:]) { table, expert in
            for hazard in expert.specializations { table[hazard, default: []].append(expert) }
        }
    }

    public var count: Int { byID.count }

    public func find(_ id: String) -> Expert? { byID[id] }

    /// The verified experts of a domain who cover a hazard, in order of their identifiers.
    public func specialists(for hazard: String, at host: String) -> [Expert] {
        (byHazard[hazard] ?? []).filter { $0.id.hasSuffix("@" + host) }
    }
}
