public import CoreTypes
public import SIPMessage

/// What to call, and as whom.
public struct CallPlan: Sendable {
    /// Signs calls as the guard checks them (`X-IF-Signature`).
    public struct Signer: Sendable {
        public var keyID: String
        /// The 32 octets of an Ed25519 private key.
        public var privateKey: [UInt8]

        public init(keyID: String, privateKey: [UInt8]) {
            self.keyID = keyID
            self.privateKey = privateKey
        }
    }

    /// The Request-URI.
    public var target: URI
    /// Where the INVITE goes, by which transport, and what the server's certificate must cover.
    public var remote: Endpoint
    public var transport: TransportKind
    public var serverName: String?
    /// The caller's URI, such as `sip:expert-safety@external.advisor`.
    public var from: URI
    public var username: String?
    public var password: String?
    public var traceID: String?
    public var hazard: String?
    public var signer: Signer?
    /// Further header fields, as given.
    public var headers: [(name: String, value: String)] = []
    /// From the 2xx to the BYE.
    public var hold = Duration.seconds(2)
    /// From the INVITE to its final answer.
    public var patience = Duration.seconds(32)
    /// RFC 3261's T1: the first retransmission over UDP.
    public var t1 = Duration.milliseconds(500)

    public init(target: URI, remote: Endpoint, transport: TransportKind, from: URI) {
        self.target = target
        self.remote = remote
        self.transport = transport
        self.from = from
    }
}

/// One answer to the INVITE.
public struct CallAnswer: Sendable {
    public let status: Int
    public let reason: String
    public let headers: [(name: String, value: String)]
    /// Since the first INVITE left.
    public let after: Duration

    public var isFinal: Bool { status >= 200 }

    /// The value of the first field of a name, in any case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// How a call went.
public struct CallReport: Sendable {
    public enum Ending: Sendable, Equatable {
        /// The INVITE was refused.
        case refused
        /// We hung up after the hold.
        case hungUp
        case peerHungUp
        /// The INVITE got no final answer.
        case noAnswer
        /// It could not be sent, or the connection broke.
        case failed(String)
    }

    public var callID = ""
    /// In the order they came, challenges and retransmissions left out only where they repeat.
    public var answers: [CallAnswer] = []
    public var ending = Ending.noAnswer
    /// The answer to our BYE.
    public var byeStatus: Int?
    /// The hash function that credentials were made with.
    public var algorithm: DigestAlgorithm?

    public init() {}

    /// The last final answer.
    public var final: CallAnswer? { answers.last { $0.isFinal } }
    public var isAnswered: Bool { final.map { (200..<300).contains($0.status) } ?? false }
}
