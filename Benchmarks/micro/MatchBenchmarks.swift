import CoreTypes
import SIPMessage
import SIPProxy
import SIPTransaction

/// Finding out where a message belongs.
enum MatchBenchmarks {
    private static let secret = NodeSecret(Array(repeating: 7, count: 32))

    static func all() throws -> [Benchmark] {
        try [serverTransaction(), clientTransaction(), branch(), dialog()]
    }

    /// A request among 1,000 server transactions (RFC 3261 section 17.2.3).
    private static func serverTransaction() throws -> Benchmark {
        let requests = try (0..<1000).map { try Message(parsing: Messages.invite($0)) }
        var transactions: [ServerTransactionKey: Int] = [:]
        for (number, request) in requests.enumerated() { transactions[key(request)] = number }
        return Benchmark("match.server-transaction") { number in
            transactions[key(requests[number % requests.count])] == number % requests.count
        }
    }

    private static func key(_ request: Message) -> ServerTransactionKey {
        ServerTransactionKey(request, method: request.method, source: Messages.caller, secret: secret)
    }

    /// A response among 1,000 client transactions (RFC 3261 section 17.1.3).
    private static func clientTransaction() throws -> Benchmark {
        let responses = try (0..<1000).map {
            try Message(parsing: Messages.ok(branch: Branch(shard: 0, unique: UInt64($0), loop: 2)))
        }
        var transactions: [ClientTransactionKey: Int] = [:]
        for (number, response) in responses.enumerated() {
            guard let key = ClientTransactionKey(response: response) else {
                throw BenchmarkError("match.client-transaction: the edge doesn't know its own branch")
            }
            transactions[key] = number
        }
        return Benchmark("match.client-transaction") { number in
            ClientTransactionKey(response: responses[number % responses.count]).flatMap { transactions[$0] }
                == number % responses.count
        }
    }

    /// A new branch, and whether the request has been here before (RFC 5393 section 4.2).
    private static func branch() throws -> Benchmark {
        var mint = BranchMint(secret: secret, shard: 0, start: 1)
        let request = try Message(parsing: Messages.invite())
        return Benchmark("match.branch") { _ in
            !mint.isLoop(request) && mint.mint(for: request).loop != nil
        }
    }

    /// The edge's own mark in a Route.
    private static func dialog() throws -> Benchmark {
        let cookie = DialogCookie(secret: secret)
        let user = cookie.issue(callID: Messages.callID(0), callerTag: Messages.tag)
        let request = try Message(
            parsing: Messages.bye(routes: ["<sip:\(user)@\(Messages.edge);transport=udp;lr>"]))
        return Benchmark("match.dialog-cookie") { _ in
            var isRight = false
            cookie.eachMark(of: request) { mark in
                isRight = mark == DialogCookie.Mark(side: .caller, pass: 1)
                return true
            }
            return isRight
        }
    }
}
