import CoreTypes
import NIOCore
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    /// Timeouts short enough to be waited for.
    static var quick: TransportLimits {
        var limits = TransportLimits()
        limits.firstMessageTimeout = .milliseconds(500)
        limits.messageTimeout = .milliseconds(150)
        limits.idleTimeout = .milliseconds(150)
        limits.halfCloseGrace = .milliseconds(150)
        return limits
    }

    @Test("messages are cut from the stream and answered in order")
    func messagesCutFromStream() async throws {
        let harness = try await Harness()
        try await harness.on { $1.echoes = true }
        let bound = try await harness.listen(.tcp)
        let peer = try await Peer.connect(to: bound)
        let stream = request(1, body: 40_000) + "\r\n" + request(2) + request(3, body: 1)
        try await peer.send(stream)
        for number in 1...3 {
            let message = try await harness.nextMessage()
            #expect(String(decoding: message.bytes, as: UTF8.self).contains("Call-ID: \(number)\r\n"))
            #expect(message.flow.transport == .tcp)
            #expect(message.flow.listener == 3)
        }
        let answers = await peer.read(until: "Call-ID: 3\r\nContent-Length: 1\r\n\r\nx")
        #expect(answers == request(1, body: 40_000) + request(2) + request(3, body: 1))
        try await harness.end()
    }

    @Test("where many messages come, a loop of the layer's own pauses, and answers all of them")
    func manyMessages() async throws {
        let harness = try await Harness(ownsLoop: true)
        try await harness.on { $1.echoes = true }
        let bound = try await harness.listen(.tcp)
        // Eight that each wait for their answer come faster than the rate from which on it pauses.
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let peer = try await Peer.connect(to: bound)
                    var answered = 0
                    for number in 1...200 {
                        try await peer.send(request(number))
                        if await peer.read(until: request(number)) == request(number) { answered += 1 }
                    }
                    try await peer.close()
                    return answered
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(answered == 1600)
        try await harness.end()
    }

    @Test("a stream may be split at every byte")
    func streamMayBeSplit() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.tcp)
        let peer = try await Peer.connect(to: bound)
        let stream = request(1, body: 5) + "\r\n\r\n" + request(2)
        for byte in stream.utf8 { try await peer.channel.writeAndFlush(ByteBuffer(bytes: [byte])) }
        #expect(try await harness.nextMessage().bytes == Array(request(1, body: 5).utf8))
        #expect(try await harness.nextMessage().bytes == Array(request(2).utf8))
        #expect(await peer.read(until: "\r\n") == "\r\n")
        try await harness.end()
    }

    @Test("a lone CRLF is no message that takes too long")
    func loneCrlfNoMessage() async throws {
        var limits = Self.quick
        limits.firstMessageTimeout = .seconds(30)
        limits.idleTimeout = .milliseconds(600)
        let harness = try await Harness(limits: limits)
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send(request() + "\r\n")
        #expect(try await harness.nextClose() == .idle)
        try await harness.end()
    }

    @Test("a ping is answered with a pong")
    func pingAnsweredWithPong() async throws {
        let harness = try await Harness()
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send("\r\n\r\n")
        #expect(await peer.read(until: "\r\n") == "\r\n")
        try await harness.end()
    }

    @Test(
        "a stream that can't be framed is answered and closed",
        arguments: ["\u{1}\u{2}", "OPTIONS a SIP/2.0\r\nX: y\r\n\r\n", "OPTIONS a SIP/2.0\nX: y\n\n"])
    func streamCantBeFramed(junk: String) async throws {
        let harness = try await Harness()
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send(junk + String(repeating: "z", count: 10_000))
        #expect(await peer.read() == "SIP/2.0 400 Bad\r\n\r\n")
        try await peer.close()
        #expect(try await harness.nextClose() == .unframeable)
        try await harness.end()
    }

    @Test(
        "who is silent or slow is closed",
        arguments: [
            ("", CloseReason.tooSlow), ("OPTIONS sip:a SIP", .tooSlow), (request(1), .idle),
            (request(1) + "OPTIONS", .tooSlow),
        ])
    func whoSilentOrSlow(sent: String, reason: CloseReason) async throws {
        var limits = Self.quick
        if !sent.isEmpty { limits.firstMessageTimeout = .seconds(30) }
        let harness = try await Harness(limits: limits)
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send(sent)
        #expect(try await harness.nextClose() == reason)
        try await harness.end()
    }

    @Test("trickling bytes does not buy time for a message")
    func tricklingBytesDoesNot() async throws {
        let harness = try await Harness(limits: Self.quick)
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        let trickle = Task {
            for _ in 0..<1000 {
                try await peer.send("O")
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(try await harness.nextClose() == .tooSlow)
        trickle.cancel()
        try await harness.end()
    }

    @Test("who does not read what is sent is closed")
    func whoDoesNotRead() async throws {
        let harness = try await Harness()
        let peer = try await Peer.connect(to: harness.listen(.tcp), reads: false)
        try await peer.send(request())
        let flow = try await harness.nextMessage().flow
        try await harness.on { layer, _ in
            let large = [UInt8](repeating: 65, count: 1 << 20)
            for _ in 0..<64 where layer.send(large, on: flow.id) { continue }
        }
        #expect(try await harness.nextClose() == .slowReader)
        try await harness.on { layer, _ in #expect(!layer.send([65], on: flow.id)) }
        try await harness.end()
    }

    @Test("answers still reach a peer that has finished sending")
    func answersStillReachPeer() async throws {
        var limits = TransportLimits()
        limits.halfCloseGrace = .seconds(30)
        let harness = try await Harness(limits: limits)
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send(request())
        try await peer.channel.close(mode: .output)
        let flow = try await harness.nextMessage().flow
        try await harness.on { layer, _ in #expect(layer.send(Array("answer".utf8), on: flow.id)) }
        #expect(await peer.read(until: "answer") == "answer")
        try await harness.end()
    }

    @Test("a peer that has finished sending is waited for a moment only")
    func halfClosedForAMoment() async throws {
        var limits = Self.quick
        // On a busy machine the end of the stream may be long in coming.
        limits.firstMessageTimeout = .seconds(30)
        let harness = try await Harness(limits: limits)
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.channel.close(mode: .output)
        #expect(try await harness.nextClose() == .peerClosed)
        try await harness.end()
    }

    @Test("connections of one source are limited, and leave room when they go")
    func connectionsOneSourceLimited() async throws {
        var limits = TransportLimits()
        limits.connectionsPerSource = 2
        let harness = try await Harness(limits: limits)
        let bound = try await harness.listen(.tcp)
        let first = try await Peer.connect(to: bound)
        _ = try await harness.next()
        let second = try await Peer.connect(to: bound)
        _ = try await harness.next()
        // The reset may come before the connection counts as made.
        let third = try? await Peer.connect(to: bound)
        guard case .refused(.connectionsPerSource) = try await harness.next() else { throw Unexpected() }
        #expect(await third?.read() ?? "" == "")
        try await first.close()
        #expect(try await harness.nextClose() == .peerClosed)
        let fourth = try await Peer.connect(to: bound)
        guard case .opened = try await harness.next() else { throw Unexpected() }
        try await harness.on { layer, _ in #expect(layer.connectionCount == 2) }
        withExtendedLifetime((second, fourth)) {}
        try await harness.end()
    }

    @Test("accepted connections are limited in all, and leave room when they go", arguments: [TransportKind.tcp, .tls])
    func connectionsLimited(transport: TransportKind) async throws {
        var limits = TransportLimits()
        limits.connections = 1
        let contexts = try Contexts()
        let harness = try await Harness(limits: limits, serverTLS: contexts.server)
        let bound = try await harness.listen(transport)
        let tls = transport == .tls ? contexts.client : nil
        let first = try await Peer.connect(to: bound, tls: tls)
        _ = try await harness.nextOpened()
        let second = try? await Peer.connect(to: bound, tls: tls)
        #expect(try await harness.nextRefusal() == .connections)
        #expect(await second?.read() ?? "" == "")
        try await first.close()
        #expect(try await harness.nextClose() == .peerClosed)
        let third = try await Peer.connect(to: bound, tls: tls)
        _ = try await harness.nextOpened()
        withExtendedLifetime(third) {}
        try await harness.end()
    }

    @Test("the observer turns connections away before they cost anything")
    func observerTurnsConnectionsAway() async throws {
        let harness = try await Harness()
        try await harness.on { $1.admits = false }
        let bound = try await harness.listen(.tcp)
        let peer = try? await Peer.connect(to: bound)
        guard case .refused(.observer) = try await harness.next() else { throw Unexpected() }
        #expect(await peer?.read() ?? "" == "")
        try await harness.on { layer, _ in #expect(layer.connectionCount == 0) }
        try await harness.end()
    }

    @Test("closing a flow lets what was sent leave first")
    func closingFlowLetsWhat() async throws {
        let harness = try await Harness()
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        try await peer.send(request())
        let flow = try await harness.nextMessage().flow
        try await harness.on { layer, _ in
            layer.send(Array(repeating: 65, count: 100_000), on: flow.id)
            layer.close(flow.id)
        }
        #expect(await peer.read().count == 100_000)
        try await peer.close()
        #expect(try await harness.nextClose() == .closedHere)
        try await harness.end()
    }

    @Test("no more connections are taken once listening has stopped, and open ones go on")
    func noMoreConnectionsTaken() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.tcp)
        let peer = try await Peer.connect(to: bound)
        _ = try await harness.next()
        try await harness.on { layer, _ in layer.stopListening() }
        await #expect(throws: (any Error).self) { try await Peer.connect(to: bound) }
        try await peer.send(request())
        _ = try await harness.nextMessage()
        try await harness.end()
        #expect(try await harness.nextClose() == .shutdown)
    }
}
