import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing

extension Integration {
    /// What the release build of the whole edge asks of the allocator, in all its threads, once it is warm, for messages
    /// that it finds waiting together. One that comes alone takes some more: of NIO's read, and of the timer wheel.
    ///
    /// A forwarded request has its two transactions, what stands between them, and the octets that leave. A refused
    /// stranger leaves nothing.
    @Suite("Allocations", .timeLimit(.minutes(3)))
    struct AllocationTests {
        private static let request = 4.0
        private static let requestAndResponse = 6.0
        private static let stranger = 0.0

        /// Of what is done on the clock (timers, looks at the load, the registry's thread), the edge's rate at rest is taken
        /// off. It comes in lumps: a round takes a fraction of a second, and may have one too many.
        private static let tolerance = 0.5
        private static let rounds = 5
        private static let operations = 1000
        /// In all rounds together no more than the edge answers strangers within its shortest measure of time, 1,250 in 50 ms:
        /// beyond that it does not answer them (decision 68), and this test is faster than that.
        private static let refusals = 200
        /// Few enough for every receive buffer.
        private static let atOnce = 50

        @Test(
            "a forwarded request inside a dialog takes four, with its response six",
            .needsRelease(of: "sallyport"), .enabled(if: Preload.compiler != nil, "there is no C compiler"))
        func forwarding() async throws {
            let stage = try await Stage()
            var call = try stage.connect()
            var requests: [Double] = []
            var responses: [Double] = []
            for round in 0...Self.rounds {
                let figures = try stage.forward(&call, Self.operations, atOnce: Self.atOnce)
                // The first round makes tables grow.
                if round > 0 {
                    requests.append(figures.request)
                    responses.append(figures.response)
                }
            }
            let (request, response) = (Self.median(requests), Self.median(responses))
            print("allocations: \(Self.text(request)) for a forwarded request, \(Self.text(response)) for its response")
            Self.expect(request, Self.request)
            Self.expect(request + response, Self.requestAndResponse)
            #expect(try await stage.edge.stop() == 0)
        }

        @Test(
            "a refused stranger takes none",
            .needsRelease(of: "sallyport"), .enabled(if: Preload.compiler != nil, "there is no C compiler"))
        func refusal() async throws {
            let stage = try await Stage()
            var figures: [Double] = []
            for round in 0...Self.rounds {
                let figure = try stage.refuse(round * Self.refusals, Self.refusals, atOnce: Self.atOnce)
                if round > 0 { figures.append(figure) }
            }
            let figure = Self.median(figures)
            print("allocations: \(Self.text(figure)) for a refused stranger")
            Self.expect(figure, Self.stranger)
            #expect(try await stage.edge.stop() == 0)
        }

        private static func median(_ figures: [Double]) -> Double { figures.sorted()[figures.count / 2] }

        private static func text(_ figure: Double) -> String { String(format: "%.2f", figure) }

        private static func expect(_ figure: Double, _ limit: Double) {
            #expect(figure <= limit + tolerance, "\(text(figure)) allocations, where \(limit) are enough")
        }
    }
}

/// An edge between a caller and a called party who both are on its allowlist, and a stranger.
private struct Stage {
    let edge: EdgeUnderTest
    let listener: EdgeUnderTest.Listener
    let caller: DatagramPeer
    let callee: DatagramPeer
    let stranger: DatagramPeer
    let count: AllocationCount
    /// Allocations a second while nothing comes.
    let atRest: Double

    init() async throws {
        caller = try DatagramPeer(IPAddress(v4: 0x7f00_0002))
        callee = try DatagramPeer(IPAddress(v4: 0x7f00_0003))
        stranger = try DatagramPeer(IPAddress(v4: 0x7f42_0001))
        listener = try EdgeUnderTest.Listener(.udp, "trunks")
        edge = try EdgeUnderTest(
            [listener],
            """
            profiles: {trunks: {source_rate: {requests: 1000000, per: 10s}, call_rate: {calls: 1000000}}}
            routes:
              - {name: far, match: {}, to: "sip:\(callee.endpoint)"}
            """)
        try edge.command("allow", "add", "127.0.0.0/24", "--tag", "trunk", "--group", "2")
        count = try AllocationCount(in: edge.program.directory)
        guard let executable = Program.released("sallyport") else { throw Failure("there is no release build") }
        try await edge.start(executable, environment: count.environment)
        try await Task.sleep(for: .seconds(1))
        let (allocations, began) = (try count.read(), ContinuousClock.now)
        try await Task.sleep(for: .seconds(2))
        atRest = Double(try count.read() - allocations) / Self.seconds(since: began)
        guard atRest > 0 else { throw Failure("no allocation is counted") }
    }

    private static func seconds(since began: ContinuousClock.Instant) -> Double {
        (ContinuousClock.now - began) / .seconds(1)
    }

    /// What a body makes the edge allocate.
    private func counted(_ body: () throws -> Void) throws -> Double {
        let (before, began) = (try count.read(), ContinuousClock.now)
        try body()
        return Double(try count.read() - before) - atRest * Self.seconds(since: began)
    }

    /// The edge stands still meanwhile, so that it finds them together, however many processors there are.
    private func send(_ texts: [String], from peer: DatagramPeer) throws {
        let process = try edge.running()
        process.send(SIGSTOP)
        defer { process.send(SIGCONT) }
        for text in texts { try peer.send(text, to: listener.endpoint) }
    }

    // MARK: A call

    struct Call {
        var to = "<sip:bob@external.advisor>"
        var target = "sip:bob@external.advisor"
        var routes: [String] = []
        var cSeq = 1
    }

    func connect() throws -> Call {
        var call = Call()
        try caller.send(request("INVITE", call), to: listener.endpoint)
        try callee.send(response(to: try callee.receive()), to: listener.endpoint)
        var ok = try caller.receive()
        while let status = ok.status, status < 200 { ok = try caller.receive() }
        guard ok.status == 200 else { throw Failure("the call was answered by \(ok.status ?? 0)") }
        call.to = ok.text(.to) ?? ""
        call.target = "sip:bob@\(callee.endpoint)"
        call.routes = ok.values(.recordRoute).reversed().map(ok.text)
        try caller.send(request("ACK", call), to: listener.endpoint)
        guard try callee.receive().method == .ack else { throw Failure("the ACK did not come through") }
        return call
    }

    /// Sends requests inside the call, and answers them.
    /// - Returns: allocations for each request, and for each response.
    func forward(_ call: inout Call, _ number: Int, atOnce: Int) throws -> (request: Double, response: Double) {
        var (requests, responses) = (0.0, 0.0)
        for _ in 0..<number / atOnce {
            var texts: [String] = []
            for _ in 0..<atOnce {
                call.cSeq += 1
                texts.append(request("INFO", call))
            }
            var forwarded: [Message] = []
            requests += try counted {
                try send(texts, from: caller)
                for _ in texts { forwarded.append(try callee.receive()) }
            }
            guard forwarded.allSatisfy({ $0.method.name == "INFO" }) else { throw Failure("no INFO came through") }
            let answers = forwarded.map { response(to: $0) }
            responses += try counted {
                try send(answers, from: callee)
                for _ in answers {
                    guard try caller.receive().status == 200 else { throw Failure("an INFO was not answered by 200") }
                }
            }
        }
        return (requests / Double(number), responses / Double(number))
    }

    /// Sends INVITEs of somebody who is not on the allowlist.
    /// - Returns: allocations for each.
    func refuse(_ first: Int, _ number: Int, atOnce: Int) throws -> Double {
        var sum = 0.0
        for start in stride(from: first, to: first + number, by: atOnce) {
            let texts = (start..<start + atOnce).map { number in
                message(
                    "INVITE sip:bob@external.advisor", from: stranger.endpoint, callID: "stranger-\(number)",
                    branch: "stranger-\(number)", to: "<sip:bob@external.advisor>", cSeq: "1 INVITE", routes: [])
            }
            sum += try counted {
                try send(texts, from: stranger)
                for _ in texts {
                    guard try stranger.receive().status == 403 else { throw Failure("a stranger was not refused") }
                }
            }
        }
        return sum / Double(number)
    }

    // MARK: Messages

    private func request(_ method: String, _ call: Call) -> String {
        message(
            "\(method) \(call.target)", from: caller.endpoint, callID: "dialog-1-of-alice",
            branch: "\(method)-\(call.cSeq)",
            to: call.to, cSeq: "\(call.cSeq) \(method)", routes: call.routes)
    }

    private func message(
        _ start: String, from: Endpoint, callID: String, branch: String, to: String, cSeq: String, routes: [String]
    ) -> String {
        let lines =
            ["\(start) SIP/2.0", "Via: SIP/2.0/UDP \(from);branch=z9hG4bK\(branch);rport"]
            + routes.map { "Route: \($0)" } + [
                "Max-Forwards: 70", "From: <sip:alice@external.advisor>;tag=alice-1", "To: \(to)",
                "Call-ID: \(callID)@\(from.address)", "CSeq: \(cSeq)", "Contact: <sip:alice@\(from)>",
                "Content-Length: 0",
            ]
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// What the called party answers.
    private func response(to request: Message) -> String {
        var lines = ["SIP/2.0 200 OK"]
        for name in [HeaderName.via, .recordRoute] {
            lines += request.all(name).map { "\(name.canonical): \(request.text($0.value))" }
        }
        let to = request.text(.to) ?? ""
        lines += [
            "From: \(request.text(.from) ?? "")", "To: \(request.toTag == nil ? to + ";tag=bob-1" : to)",
            "Call-ID: \(request.callID)", "CSeq: \(request.text(.cSeq) ?? "")",
            "Contact: <sip:bob@\(callee.endpoint)>", "Content-Length: 0",
        ]
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }
}
