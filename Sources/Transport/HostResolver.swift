public import CoreTypes
public import NIOCore

/// Finds the addresses of host names for one loop, and keeps them as long as their records say.
///
/// Everything is called, and calls back, on the loop.
public final class HostResolver {
    public enum Failure: Error, Sendable, Equatable {
        /// Not a host name at all.
        case invalidName
        case notFound
        /// No name server gave an answer; another try may.
        case serverFailed
        /// Too many names are being asked for.
        case busy
    }

    public typealias Completion = (Result<[IPAddress], Failure>) -> Void

    private struct Known: Sendable {
        var result: Result<[IPAddress], Failure>
        var expires: NIODeadline
    }

    private struct Lookup {
        var completions: [Completion]
        var replies: [DNSClient.Reply] = []
    }

    private let loop: any EventLoop
    private let client: DNSClient
    private let hosts: HostsFile
    private var known: BoundedTable<String, Known>
    private var lookups: [String: Lookup] = [:]

    private static let mostLookups = 1024
    private static let mostWaiting = 4096
    /// How long a name that does not exist stays so, and a failure is not tried again.
    private static let notFoundFor = TimeAmount.seconds(30)
    private static let failedFor = TimeAmount.seconds(2)

    /// - Parameter capacity: names kept.
    public init(loop: any EventLoop, client: DNSClient, hosts: HostsFile, capacity: Int = 4096) {
        self.loop = loop
        self.client = client
        self.hosts = hosts
        known = BoundedTable(capacity: capacity)
    }

    /// The addresses of a host, IPv4 first; an address is its own answer.
    ///
    /// The completion runs before this returns when the answer is known, else later.
    public func resolve(_ host: String, _ completion: @escaping Completion) {
        if let address = Self.literal(host) { return completion(.success([address])) }
        guard let name = Self.canonical(host) else { return completion(.failure(.invalidName)) }
        if let addresses = hosts[name] { return completion(.success(addresses)) }
        // RFC 6761 section 6.3: never a question for a name server.
        if name == "localhost" || name.hasSuffix(".localhost") {
            return completion(.success([IPAddress(v4: 0x7f00_0001), IPAddress(v6High: 0, low: 1)]))
        }
        if let entry = known.withEntry(name, { $0 }).result, entry.expires > .now() { return completion(entry.result) }
        if let waiting = lookups[name]?.completions.count {
            guard waiting < Self.mostWaiting else { return completion(.failure(.busy)) }
            lookups[name]?.completions.append(completion)
            return
        }
        guard lookups.count < Self.mostLookups else { return completion(.failure(.busy)) }
        lookups[name] = Lookup(completions: [completion])
        let this = NIOLoopBound(self, eventLoop: loop)
        for type in [DNSClient.RecordType.a, .aaaa] {
            client.query(name, type) { [loop] reply in
                loop.execute { this.value.received(reply, for: name) }
            }
        }
    }

    private func received(_ reply: DNSClient.Reply, for name: String) {
        lookups[name]?.replies.append(reply)
        guard let lookup = lookups[name], lookup.replies.count == 2 else { return }
        lookups[name] = nil
        let entry = Self.combine(lookup.replies)
        known.set(name, entry)
        for completion in lookup.completions { completion(entry.result) }
    }

    private static func combine(_ replies: [DNSClient.Reply]) -> Known {
        var addresses: [IPAddress] = []
        var timeToLive = 3600
        var hasFailed = false
        for reply in replies {
            switch reply {
            case .addresses(let found, let seconds):
                addresses += found
                timeToLive = min(timeToLive, seconds)
            case .failed: hasFailed = true
            case .none: continue
            }
        }
        guard addresses.isEmpty else {
            let sorted = addresses.filter { $0.family == .v4 } + addresses.filter { $0.family == .v6 }
            // Of half an answer the other half is asked for again soon.
            let kept = hasFailed ? failedFor : .seconds(Int64(max(1, timeToLive)))
            return Known(result: .success(sorted), expires: .now() + kept)
        }
        return hasFailed
            ? Known(result: .failure(.serverFailed), expires: .now() + failedFor)
            : Known(result: .failure(.notFound), expires: .now() + notFoundFor)
    }

    private static func literal(_ host: String) -> IPAddress? {
        host.hasPrefix("[") && host.hasSuffix("]") ? IPAddress(host.dropFirst().dropLast()) : IPAddress(host)
    }

    /// Lower case, without the root's dot; nil for what is no host name.
    private static func canonical(_ host: String) -> String? {
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
