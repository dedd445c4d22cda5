import Testing

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite struct RetryPolicyTests {
        @Test("pauses are spread from nothing up to a doubling ceiling")
        func jitter() {
            let policy = RetryPolicy(attempts: 100)
            for attempt in 1..<100 {
                let least = policy.pause(after: attempt, isThrottled: true, asked: nil, random: 0)
                let most = policy.pause(after: attempt, isThrottled: true, asked: nil, random: 0.999)
                #expect(least == .zero)
                #expect(most.map { $0 <= policy.ceiling } == true)
                if attempt >= 6 { #expect(most == policy.ceiling * 0.999) }
            }
        }

        @Test("there is a last try", arguments: [(1, true), (4, true), (5, false), (6, false)])
        func last(_ attempt: Int, _ isMore: Bool) {
            let pause = RetryPolicy().pause(after: attempt, isThrottled: false, asked: .seconds(1), random: 0.5)
            #expect((pause != nil) == isMore)
        }
    }
}
