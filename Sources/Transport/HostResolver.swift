public import CoreTypes
public import NIOCore

/// Asks name servers for one loop, and keeps what they say as long as they allow: the addresses of host names for
/// callers, services and their servers for ``ServerLocator``.
///
/// Everything is called, and calls back, on the loop.
public final class HostResolver {
    public enum Failure: Error, Sendable, Equatable {
        /// Not a host name at all.
        case invalidName
        case notFound
        /// Name servers gave addresses that nobody outside of this machine has (see ``LoopbackAnswers``), and no other.
        case forbidden
        /// No name server gave an answer; another try may.
        case serverFailed
        /// Too many names are being asked for.
        case busy
    }

    /// What becomes of loopback, link-local, unspecified, multicast and broadcast addresses that name servers give. A
    /// stranger's domain could make the edge send to this very machine by them, or to a cloud's metadata service.
    public enum LoopbackAnswers: Sendable {
        /// They are left out. Those of /etc/hosts, of `localhost` and literal ones can still be used.
        case refuse
        case accept
    }

    public typealias Completion = (Result<[IPAddress], Failure>) -> Void

    struct Question: Hashable, Sendable {
        var name: String
        var kind: DNSMessage.Kind
    }

    private struct Known: Sendable {
        var reply: DNSClient.Reply
        var expires: NIODeadline
    }

    private let loop: any EventLoop
    private let client: DNSClient
    private let hosts: HostsFile
    private let loopbackAnswers: LoopbackAnswers
    private var known: BoundedTable<Question, Known>
    private var waiting: [Question: [(DNSClient.Reply) -> Void]] = [:]

    private static let mostQuestions = 2048
    private static let mostWaiting = 4096
    /// How long a failure is not tried again.
    private static let failedFor = TimeAmount.seconds(2)
    /// In seconds: of what is there at most, of what is not there at most, and where nobody says.
    private static let longest = 3600
    private static let longestNone = 900
    private static let usualNone = 30

    /// - Parameter capacity: answers kept; a host name takes two.
    public init(
        loop: any EventLoop, client: DNSClient, hosts: HostsFile, capacity: Int = 8192,
        loopbackAnswers: LoopbackAnswers = .refuse
    ) {
        self.loop = loop
        self.client = client
        self.hosts = hosts
        self.loopbackAnswers = loopbackAnswers
        known = BoundedTable(capacity: capacity)
    }

    /// The addresses of a host, IPv4 first; an address is its own answer.
    ///
    /// The completion runs before this returns when the answer is known, else later.
    public func resolve(_ host: String, _ completion: @escaping Completion) {
        if let address = Self.literal(host) { return completion(.success([address])) }
        guard let name = Self.canonical(host) else { return completion(.failure(.invalidName)) }
        if let addresses = ownAddresses(name) { return completion(.success(addresses)) }
        askAddresses(name, completion)
    }

    /// The addresses of a name that came from a name server: as `resolve`, but what this machine alone knows about the
    /// name is held to the same rule as what name servers say.
    func resolveServer(_ host: String, _ completion: @escaping Completion) {
        guard Self.literal(host) == nil, let name = Self.canonical(host) else {
            return completion(.failure(.invalidName))
        }
        guard let own = ownAddresses(name) else { return askAddresses(name, completion) }
        let usable = own.filter(isUsable)
        completion(usable.isEmpty ? .failure(.forbidden) : .success(usable))
    }

    /// Whether this machine itself says what a name means, so that no name server is asked about it: such a name has
    /// addresses and nothing else.
    func isOwn(_ name: String) -> Bool { ownAddresses(name) != nil }

    private func ownAddresses(_ name: String) -> [IPAddress]? {
        if let addresses = hosts[name] { return addresses }
        // RFC 6761 section 6.3: never a question for a name server.
        guard name == "localhost" || name.hasSuffix(".localhost") else { return nil }
        return [IPAddress(v4: 0x7f00_0001), IPAddress(v6High: 0, low: 1)]
    }

    private func isUsable(_ address: IPAddress) -> Bool {
        loopbackAnswers == .accept || !address.isOfThisMachineOnly
    }

    private func askAddresses(_ name: String, _ completion: @escaping Completion) {
        let answers = Answers(completion, isUsable: isUsable)
        for kind in [DNSMessage.Kind.a, .aaaa] {
            ask(Question(name: name, kind: kind)) { answers.received($0) }
        }
    }

    /// Puts one question, unless the answer is known or somebody else is waiting for it already. The completion runs
    /// before this returns when the answer is known; `nil` stands for too many questions.
    func ask(_ question: Question, _ completion: @escaping (DNSClient.Reply?) -> Void) {
        if let entry = known.withEntry(question, { $0 }).result, entry.expires > .now() {
            return completion(entry.reply)
        }
        if let count = waiting[question]?.count {
            guard count < Self.mostWaiting else { return completion(nil) }
            waiting[question]?.append(completion)
            return
        }
        guard waiting.count < Self.mostQuestions else { return completion(nil) }
        waiting[question] = [completion]
        let this = NIOLoopBound(self, eventLoop: loop)
        client.query(question.name, question.kind) { [loop] answer in
            loop.execute { this.value.received(answer, to: question) }
        }
    }

    private func received(_ answer: DNSClient.Answer, to question: Question) {
        let kept: TimeAmount =
            switch answer.reply {
            case .failed: Self.failedFor
            case .none: .seconds(Int64(min(max(1, answer.timeToLive ?? Self.usualNone), Self.longestNone)))
            case .addresses, .servers, .pointers:
                .seconds(Int64(min(max(1, answer.timeToLive ?? 1), Self.longest)))
            }
        known.set(question, Known(reply: answer.reply, expires: .now() + kept))
        for completion in waiting.removeValue(forKey: question) ?? [] { completion(answer.reply) }
    }

    /// Both families' answers to one name, as they come in.
    private final class Answers {
        private var replies: [DNSClient.Reply?] = []
        private let completion: Completion
        private let isUsable: (IPAddress) -> Bool

        init(_ completion: @escaping Completion, isUsable: @escaping (IPAddress) -> Bool) {
            self.completion = completion
            self.isUsable = isUsable
        }

        func received(_ reply: DNSClient.Reply?) {
            replies.append(reply)
            if replies.count == 2 { completion(combined) }
        }

        private var combined: Result<[IPAddress], Failure> {
            var addresses: [IPAddress] = []
            for case .addresses(let found)? in replies { addresses += found }
            let usable = addresses.filter(isUsable)
            guard usable.isEmpty else {
                return .success(usable.filter { $0.family == .v4 } + usable.filter { $0.family == .v6 })
            }
            if !addresses.isEmpty { return .failure(.forbidden) }
            if replies.contains(nil) { return .failure(.busy) }
            return .failure(replies.contains(.failed) ? .serverFailed : .notFound)
        }
    }

    private static func literal(_ host: String) -> IPAddress? {
        host.hasPrefix("[") && host.hasSuffix("]") ? IPAddress(host.dropFirst().dropLast()) : IPAddress(host)
    }

    /// Lower case, without the root's dot; nil for what is no host name.
    static func canonical(_ host: String) -> String? {
        let name = (host.hasSuffix(".") ? String(host.dropLast()) : host).lowercased()
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let good = labels.allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                        UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
        return good && name.utf8.count <= 253 ? name : nil
    }
}

extension IPAddress {
    /// Whether no other machine beyond this link can be meant by it: loopback, link-local, unspecified ("this
    /// network", 0.0.0.0/8), multicast, broadcast (RFC 6890).
    fileprivate var isOfThisMachineOnly: Bool {
        isLoopback || isLinkLocal || isUnspecified || isMulticast || isBroadcast || (family == .v4 && low >> 24 == 0)
    }
}
