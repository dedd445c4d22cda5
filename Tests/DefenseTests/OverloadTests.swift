import Defense
import Testing

/// A server with a queue before it, in steps of 50 ms.
private struct Server {
    var control = OverloadControl()
    var queue = 0.0
    var now: UInt64 = 1
    var changes: [OverloadControl.Change] = []

    /// Calls a second that it can carry when it refuses nothing; a refusal costs a twentieth of a call.
    static let capacity = 400.0
    static let refusalCost = 0.05
    /// Calls' worth of work that the buffer holds.
    static let buffer = 200.0

    /// - Returns: calls admitted, and work lost since the buffer was full.
    mutating func run(seconds: Int, offered: Int) -> (admitted: Int, lost: Double) {
        var admitted = 0
        var lost = 0.0
        for _ in 0..<seconds * 20 {
            for position in 0..<offered / 20 {
                let at = now + UInt64(position) * 50_000_000 / UInt64(max(1, offered / 20))
                if control.admits(isContinuation: false, now: at) {
                    admitted += 1
                    queue += 1
                } else {
                    queue += Self.refusalCost
                }
            }
            now += 50_000_000
            queue = max(0, queue - Self.capacity / 20)
            lost += max(0, queue - Self.buffer)
            queue = min(queue, Self.buffer)
            let load = OverloadControl.Load(backlog: queue / Self.buffer / 0.1)
            if let change = control.sample(load, now: now) { changes.append(change) }
        }
        return (admitted, lost)
    }
}

@Suite("Overload control")
struct OverloadTests {
    @Test("below capacity nothing is refused")
    func calm() {
        var server = Server()
        let result = server.run(seconds: 20, offered: 300)
        #expect(result.admitted == 300 * 20)
        #expect(server.changes.isEmpty)
    }

    @Test(
        "at twice and ten times the capacity, four fifths of it are still served and nothing is lost",
        arguments: [2, 5])
    func overload(times: Int) {
        var server = Server()
        _ = server.run(seconds: 5, offered: 300)
        let offered = Int(Server.capacity) * times
        _ = server.run(seconds: 2, offered: offered)
        let result = server.run(seconds: 30, offered: offered)
        let left = Server.capacity - Double(offered) * Server.refusalCost
        #expect(Double(result.admitted) / 30 > 0.8 * left, "\(result.admitted / 30) of \(left)")
        #expect(result.lost == 0)
    }

    @Test("when the load is gone, so is the limit")
    func recovery() {
        var server = Server()
        _ = server.run(seconds: 10, offered: 800)
        _ = server.run(seconds: 10, offered: 200)
        #expect(server.changes == [.overloaded, .recovered])
        #expect(server.control.limit == nil)
        let result = server.run(seconds: 10, offered: 300)
        #expect(result.admitted == 3000)
    }

    @Test("a moment without a processor is no overload")
    func hiccup() {
        var control = OverloadControl()
        var now: UInt64 = 1
        for step in 0..<100 {
            now += 50_000_000
            let change = control.sample(.init(lag: step % 4 == 0 ? 900_000_000 : 0), now: now)
            #expect(change == nil)
        }
    }

    @Test("buffers that a flood fills are no overload, however full", arguments: [(2000, true), (20, false)])
    func flood(refusedUnread: Int, isFlood: Bool) {
        var control = OverloadControl()
        var now: UInt64 = 1
        var changes: [OverloadControl.Change] = []
        for _ in 0..<20 {
            for _ in 0..<10 { _ = control.admits(isContinuation: false, now: now) }
            now += 50_000_000
            let load = OverloadControl.Load(backlog: 3, lag: 200_000_000, refusedUnread: refusedUnread)
            if let change = control.sample(load, now: now) { changes.append(change) }
        }
        #expect(changes == (isFlood ? [] : [.overloaded]))
        #expect((control.limit == nil) == isFlood)
    }

    @Test("what answers a challenge goes before what is new")
    func continuation() {
        var control = OverloadControl()
        var now: UInt64 = 1
        for _ in 0..<20 {
            for _ in 0..<10 { _ = control.admits(isContinuation: false, now: now) }
            now += 50_000_000
            _ = control.sample(.init(lag: 200_000_000), now: now)
        }
        while control.admits(isContinuation: false, now: now) {}
        let isTaken = control.admits(isContinuation: true, now: now)
        #expect(isTaken)
    }

    @Test("a limit that the operator sets holds without any load")
    func fixed() {
        var control = OverloadControl(fixedLimit: 10)
        var admitted = 0
        for step in 0..<1000 where control.admits(isContinuation: false, now: UInt64(step) * 10_000_000 + 1) {
            admitted += 1
        }
        #expect((100...110).contains(admitted), "\(admitted)")
    }
}
