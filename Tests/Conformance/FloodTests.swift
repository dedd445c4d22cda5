import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import Synchronization
import TestSupport
import Testing
import Witness

/// A caller whose calls are timed where their answers arrive.
private final class Timer: Sendable {
    let caller: Caller
    private let answered = Mutex<[String: ContinuousClock.Instant]>([:])

    init(_ lab: Laboratory, from source: IPAddress) async throws {
        caller = try await lab.caller(.udp, from: source)
        caller.wire.mailbox.hear { [self] item in
            guard let message = item.message, message.status == 200, message.method == .invite else { return }
            let now = ContinuousClock.now
            answered.withLock { answered in
                if answered[message.callID] == nil { answered[message.callID] = now }
            }
        }
    }

    /// Set-up times of the calls that were answered, each ended by a BYE.
    func calls(_ count: Int) async throws -> [Duration] {
        var times: [Duration] = []
        for _ in 0..<count {
            let call = CallIdentity("timed")
            let invite = caller.request("INVITE", call)
            let start = ContinuousClock.now
            // As section 17.1.1.2 says: what is lost is sent again.
            for wait in [500, 1000, 2000] {
                caller.send(invite)
                try? await eventually("the answer", within: .milliseconds(wait)) { time(of: call) != nil }
                if time(of: call) != nil { break }
            }
            guard let end = time(of: call) else { continue }
            times.append(end - start)
            let answer = try await caller.response(200, call, method: .invite)
            caller.send(caller.inDialog("ACK", call, answer, cSeq: 1))
            caller.send(caller.inDialog("BYE", call, answer))
        }
        return times
    }

    private func time(of call: CallIdentity) -> ContinuousClock.Instant? {
        answered.withLock { $0[call.callID] }
    }
}

extension [Duration] {
    fileprivate var median: Duration { isEmpty ? .seconds(60) : sorted()[count / 2] }
}

/// Everything that one source can do to be a nuisance.
private struct Flood {
    static let source = IPAddress(v4: 0x7f00_0042)
    let lab: Laboratory
    let wire: Wire
    private var connections: [Wire] = []
    /// A thread of its own, so that the caller's answers are not read behind the flood's writes.
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ lab: Laboratory) async throws {
        self.lab = lab
        wire = try await Wire.connect(.udp, to: try lab.address(.udp), from: Self.source, group: group)
    }

    /// Connections that stop in the middle of a message, and connections that ask and never read.
    mutating func connect(_ count: Int) async throws {
        for _ in 0..<count {
            // Over its rate they are reset, some before this side has seen them open.
            let connection = try? await Wire.connect(
                .tcp, to: try lab.address(.tcp), from: Self.source, group: group)
            if let connection { connections.append(connection) }
        }
        for (index, stream) in connections.enumerated() {
            if index.isMultiple(of: 2) {
                stream.send("INVITE sip:bob@external.advisor SIP/2.0\r\nVia: SIP/2.0/TCP slow.example")
            } else {
                // The edge may have ended it already: that is its right.
                try? await stream.channel.setOption(.autoRead, value: false).get()
                for number in 0..<5 { stream.send(text(stream, "slow-\(index)-\(number)")) }
            }
        }
    }

    /// New requests, 10 every 2 ms, until the task is cancelled.
    func run() async -> Int {
        var sent = 0
        while !Task.isCancelled, sent < 20_000 {
            for _ in 0..<10 {
                wire.send(text(wire, "flood-\(sent)"))
                sent += 1
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return sent
    }

    private func text(_ wire: Wire, _ word: String) -> String {
        """
        INVITE sip:bob@external.advisor SIP/2.0\r
        Via: SIP/2.0/\(wire.transport.viaToken) \(wire.local);branch=z9hG4bK\(word);rport\r
        From: <sip:flood@external.advisor>;tag=\(word)\r
        To: <sip:bob@external.advisor>\r
        Call-ID: \(word)\r
        CSeq: 1 INVITE\r
        Max-Forwards: 70\r
        Content-Length: 0\r
        \r

        """
    }

    func end() async throws {
        for connection in connections { try? await connection.close() }
        try await wire.close()
        try await group.shutdownGracefully()
    }
}

extension Conformance {
    @Suite("A flood")
    struct FloodTests {
        @Test("row 27: one source's flood is not felt by another")
        func flood() async throws {
            let lab = try await Laboratory(
                rates: "source_rate: {requests: 300, per: 10s, forget_after: 120s}, call_rate: {calls: 50000, per: 60s}"
            )
            let target = lab.downstream.endpoint
            lab.downstream.mailbox.hear { item in
                guard let message = item.message, message.isRequest, message.method != .ack else { return }
                // Of the flood's first requests, which are let in like anybody's, nothing comes back.
                guard message.callID.hasPrefix("timed-") || message.method == .bye else {
                    try? item.answer(486, "Busy Here")
                    return
                }
                try? item.answer(200, "OK", contact: "sip:bob@\(target)")
            }
            let timer = try await Timer(lab, from: IPAddress(v4: 0x7f00_0002))
            let calm = try await timer.calls(100)
            #expect(calm.count == 100)
            let connections = try await lab.edge.metric("sip_connections")
            let memory = try lab.edge.running().residentKiB()

            var flood = try await Flood(lab)
            try await flood.connect(500)
            let sending = Task { [flood] in await flood.run() }
            let stormy = try await timer.calls(100)
            sending.cancel()
            let sent = await sending.value
            let grown = try lab.edge.running().residentKiB() - memory
            let figures =
                "calm \(calm.median), stormy \(stormy.median), \(stormy.count) of 100, \(sent) sent, +\(grown) KiB"
            print("flood: \(figures)")
            #expect(stormy.count >= 99, "\(figures)")
            // Flood, caller and edge share the machine's processors: a few milliseconds more are theirs, not the edge's.
            let limit = max(calm.median * 3, calm.median + .milliseconds(20))
            #expect(stormy.median <= limit, "\(figures)")
            #expect(sent > 1000 && grown < 64 << 10, "\(figures)")
            try await flood.end()
            try await eventually("the connections are given back") {
                try await lab.edge.metric("sip_connections") == connections
            }
            _ = try await lab.witnessed(.rateLimitExceeded) { $0.sourceIP == "127.0.0.66" }
            try await lab.close()
            #expect(
                try lab.edge.records().allSatisfy { $0.sourceIP != "127.0.0.2" || $0.kind != "RATE_LIMIT_EXCEEDED" })
            try Ledger.note(27, ["udp", "tcp"])
        }
    }
}
