/// What is done, how often and from where.
struct Plan {
    enum Work: String, CaseIterable {
        case call
        case bare
        case options
        case stranger
        case challenge
        case wrongPassword = "wrong-password"
        case overCallRate = "over-call-rate"
        case refusedByGuard = "guard"
        case malformed
        case drop
        case handshake
        case connections
    }

    enum Transport: String {
        case udp
        case tcp
        case tls
    }

    var work = Work.call
    var transport = Transport.udp
    var target = Endpoint(address: 0x7f00_0001, port: 25060)
    var source: UInt32 = 0x7f00_0001
    var sourceSpread: UInt32 = 16
    var calledParty = Endpoint(address: 0x7f00_0001, port: 25090)
    var rate = 1000.0
    var seconds = 5.0
    var warmUp = 1.0
    var callers = 16
    var users = 16
    /// No more units than these; 0: as many as the rate gives.
    var count = 0
    /// How long a call is up; nil: until a line is read from standard input.
    var hold: Double? = 0
    var giveUp = 8.0
    var connectionPerCall = false
    var resumes = false
    var acknowledgesRefusals = false
    var authorities = ""
    var domain = "edge.example"
    var realm = "edge.example"
    var called = "expert-safety"
    var algorithm = Digest.Algorithm.md5
    var floodRate = 0.0
    var floodSources = 1
    var watched: [Int32] = []
    var seed: UInt32 = 0

    var hasTrace: Bool { work != .refusedByGuard }
    var makesCalls: Bool { work == .call || work == .bare }

    /// Whether a challenge is answered.
    var isAuthenticated: Bool {
        switch work {
        case .call, .wrongPassword, .overCallRate, .refusedByGuard: true
        default: false
        }
    }

    /// The status that a unit is to end with.
    var expected: Int {
        switch work {
        case .call, .bare, .options: 200
        case .stranger: 403
        case .challenge, .wrongPassword: 401
        case .overCallRate: 429
        case .refusedByGuard, .malformed: 400
        case .drop, .handshake, .connections: 0
        }
    }
}

struct Endpoint {
    /// In host order.
    var address: UInt32
    var port: UInt16

    var host: String { Self.text(address) }
    var description: String { "\(host):\(port)" }

    static func text(_ address: UInt32) -> String {
        (0..<4).map { String(address >> (24 - 8 * $0) & 255) }.joined(separator: ".")
    }

    static func address(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        return parts.reduce(UInt32?.some(0)) { value, part in
            guard let value, let part else { return nil }
            return value << 8 | UInt32(part)
        }
    }

    init(address: UInt32, port: UInt16) {
        self.address = address
        self.port = port
    }

    init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let address = Self.address(String(parts[0])), let port = UInt16(parts[1]) else {
            return nil
        }
        self.init(address: address, port: port)
    }
}
