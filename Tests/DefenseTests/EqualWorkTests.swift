import CoreTypes
import Defense
import SIPMessage
import Testing

/// That the time an answer takes does not tell whether a user exists: two distributions, not two timings.
@Suite("Layer 4: equal work", .serialized)
struct EqualWorkTests {
    private static let tries = 10_000

    @Test("a wrong password for a user and one for nobody take the same time, over 10,000 tries each")
    func distribution() throws {
        var policy = expertsPolicy
        policy.sourceRate = nil
        policy.allowlistGroup = nil
        let users = (1000..<2000).map { number in
            Subscriber(username: "user-\(number)", domain: realm, ha1: subscriber.ha1)
        }
        var passage = try passage(policy, directory(subscribers: users))
        var known: [UInt64] = []
        var unknown: [UInt64] = []
        for index in 0..<Self.tries {
            // Each time from another address: nobody is blocked, and caches are as cold for one as for the other.
            let source = Endpoint(IPAddress(v4: 0xc800_0000 + UInt32(index)), port: 5061)
            let challenge = try passage.challenges(source: source)[0]
            for turn in 0..<2 {
                let isKnown = (index + turn) % 2 == 0
                // Of one length, so that hashing them is the same work; many, since of two names in a table one is
                // always found a little sooner.
                let name = "\(isKnown ? "user" : "usor")-\(1000 + index % 1000)"
                let approach = try Request()
                    .answering(challenge, username: name, password: "wrong", nonceCount: turn + 1)
                    .approach(source: source)
                let began = Self.nanoseconds()
                let refusal = passage.refusal(approach)
                let took = Self.nanoseconds() - began
                #expect(refusal?.cause == .wrongCredentials)
                if isKnown { known.append(took) } else { unknown.append(took) }
            }
        }
        let (first, second) = (Self.median(known), Self.median(unknown))
        let probability = Self.probabilityThatLarger(known, unknown)
        print("equal work: known \(first) ns, unknown \(second) ns, P(known > unknown) = \(probability)")
        #expect(abs(Double(first) / Double(second) - 1) < 0.03)
        // What a guesser with one look could make of it; half is nothing, and work that is left out for one of them is
        // 0 or 1. In 26 processes it was 0.48 to 0.59: where names lie in a process's tables is a matter of their seeds,
        // and 80 of 10,000 ns are that much by now.
        #expect(abs(probability - 0.5) < 0.15)
    }

    private static let began = ContinuousClock.now

    private static func nanoseconds() -> UInt64 {
        let passed = began.duration(to: .now).components
        return UInt64(passed.seconds) * 1_000_000_000 + UInt64(passed.attoseconds / 1_000_000_000)
    }

    private static func median(_ values: [UInt64]) -> UInt64 {
        values.sorted()[values.count / 2]
    }

    /// Mann and Whitney's U over the number of pairs, ties counted half.
    private static func probabilityThatLarger(_ first: [UInt64], _ second: [UInt64]) -> Double {
        let second = second.sorted()
        func rank(_ value: UInt64, _ isBelow: (UInt64, UInt64) -> Bool) -> Int {
            var (low, high) = (0, second.count)
            while low < high {
                let middle = (low + high) / 2
                if isBelow(second[middle], value) { low = middle + 1 } else { high = middle }
            }
            return low
        }
        let wins = first.reduce(0.0) { $0 + Double(rank($1, <) + rank($1, <=)) / 2 }
        return wins / Double(first.count * second.count)
    }
}
