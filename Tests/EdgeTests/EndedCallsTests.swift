import CoreTypes
import Testing

@testable import Edge

@Suite("Calls that have ended")
struct EndedCallsTests {
    private func call(_ number: UInt64) -> CallSummary {
        CallSummary(
            id: "call\(number)", number: number, state: "ended", callID: "c", from: "a@x", to: "b@x",
            source: Endpoint(IPAddress(v4: 0xc000_0201), port: 5060), transport: .udp, profile: "trunks", route: "far",
            startedAt: 0)
    }

    @Test("the latest thousand are kept, in order", arguments: [0, 1, 999, 1000, 1001, 2500])
    func latest(count: Int) {
        var past = EndedCalls()
        for number in 0..<count { past.append(call(UInt64(number))) }
        let kept = past.all.map(\.number)
        #expect(kept == (max(0, count - 1000)..<count).map(UInt64.init))
    }
}
