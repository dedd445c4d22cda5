import CoreTypes
import Crypto
import Defense
import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import Testing
import Transport
import TransportSecurity
import UserAgent

let loopback = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)

func plan(
    to endpoint: Endpoint, by transport: TransportKind, target: String = "sip:expert-safety@external.advisor"
) throws -> CallPlan {
    var plan = CallPlan(
        target: try #require(URI(target)), remote: endpoint, transport: transport,
        from: try #require(URI("sip:expert-ethics@external.advisor")))
    plan.hold = .milliseconds(10)
    return plan
}

@Suite(.timeLimit(.minutes(1))) struct CallTests {
    @Test("a call is placed, answered, held and ended", arguments: TransportKind.allCases)
    func callPlacedAnsweredHeld(transport: TransportKind) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let files = try DevelopmentCertificates.issue(into: directory, now: now)
        let phone = try await AnsweringPhone(
            on: [(transport, loopback)],
            tls: ServerTLS.context(
                certificate: files.server, key: files.serverKey, trust: files.authority, clientCertificate: .none,
                clock: { now }))
        let caller = try await Caller(tls: ClientTLS.context(trust: files.authority, clock: { now }))
        var plan = try plan(to: phone.endpoints[0], by: transport)
        plan.serverName = "localhost"
        plan.headers = [("X-Reason", "test")]
        plan.traceID = "if-trace-1"
        plan.hazard = "safety"
        let report = await caller.place(plan)
        #expect(Set(report.answers.map(\.status)) == [180, 200])
        #expect(report.isAnswered)
        #expect(report.ending == .hungUp)
        #expect(report.byeStatus == 200)
        #expect(report.final?.header("content-type") == "application/sdp")
        // On a busy machine a 200 may go out twice over UDP, and then comes a second ACK.
        var seen: Set<String> = []
        let received = phone.received.map(\.message).filter { seen.insert($0.method.name).inserted }
        #expect(received.map(\.method) == [.invite, .ack, .bye])
        let invite = try #require(received.first)
        #expect(invite.all(named: "X-Reason").map { invite.text($0.value) } == ["test"])
        #expect(invite.all(named: "X-IF-Trace-ID").map { invite.text($0.value) } == ["if-trace-1"])
        #expect(invite.all(named: "X-IF-Hazard").map { invite.text($0.value) } == ["safety"])
        #expect(invite.text(.date).flatMap { CivilTime.parse(sipDate: $0) } != nil)
        #expect(invite.topVia.transport == transport.viaToken)
        #expect(received.allSatisfy { $0.callID == report.callID })
        #expect(received[1].toTag == received[2].toTag && received[1].toTag != nil)
        await caller.shutdown()
        await phone.shutdown()
    }

    @Test("a refused call is acknowledged and told")
    func refusedCallAcknowledgedTold() async throws {
        let phone = try await AnsweringPhone(
            on: [(.udp, loopback)], manner: .init(ringsFor: nil, status: 486, reason: "Busy Here"))
        let caller = try await Caller()
        let report = await caller.place(try plan(to: phone.endpoints[0], by: .udp))
        #expect(report.answers.map(\.status) == [486])
        #expect(report.answers.map(\.reason) == ["Busy Here"])
        #expect(report.ending == .refused)
        #expect(!report.isAnswered)
        for await message in phone.messages() where message.message.method == .ack { break }
        let messages = phone.received.map(\.message)
        #expect(messages.map(\.method) == [.invite, .ack])
        #expect(messages[0].topVia.branch == messages[1].topVia.branch)
        await caller.shutdown()
        await phone.shutdown()
    }

    @Test("a phone that rings too long is given up on with CANCEL")
    func phoneRingsTooLong() async throws {
        let phone = try await AnsweringPhone(on: [(.udp, loopback)], manner: .init(ringsFor: .seconds(50)))
        let caller = try await Caller()
        var plan = try plan(to: phone.endpoints[0], by: .udp)
        plan.patience = .seconds(2)
        let report = await caller.place(plan)
        #expect(report.answers.map(\.status) == [180, 487])
        #expect(report.ending == .noAnswer)
        #expect(phone.received.map(\.message.method).prefix(2) == [.invite, .cancel])
        await caller.shutdown()
        await phone.shutdown()
    }

    @Test("an INVITE over UDP is sent again until patience ends")
    func inviteOverUdpSent() async throws {
        let silent = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let caller = try await Caller()
        var plan = try plan(to: Endpoint(loopback.address, port: UInt16(port)), by: .udp)
        plan.t1 = .milliseconds(10)
        plan.patience = .milliseconds(100)
        let report = await caller.place(plan)
        #expect(report.answers.isEmpty)
        #expect(report.ending == .noAnswer)
        await caller.shutdown()
        try await silent.close()
    }

    @Test("nobody there is a failure that says so")
    func nobodyThereFailureSays() async throws {
        let phone = try await AnsweringPhone(on: [(.tcp, loopback)])
        await phone.shutdown()
        let caller = try await Caller()
        let report = await caller.place(try plan(to: phone.endpoints[0], by: .tcp))
        #expect(report.ending == .failed("not sent: connection_refused"))
        await caller.shutdown()
    }

    @Test("calls are signed as the guard verifies them")
    func callsSignedAsGuard() async throws {
        let key = Curve25519.Signing.PrivateKey()
        let phone = try await AnsweringPhone(on: [(.udp, loopback)])
        let caller = try await Caller()
        var plan = try plan(to: phone.endpoints[0], by: .udp, target: "sip:expert-safety@External.Advisor:5061")
        plan.traceID = "t-1"
        plan.hazard = "safety"
        plan.signer = .init(keyID: "k1", privateKey: Array(key.rawRepresentation))
        let report = await caller.place(plan)
        let invite = try #require(phone.received.first?.message)
        let value = try #require(invite.all(named: "X-IF-Signature").first.map { invite.text($0.value) })
        let signed = [
            "sallyport-v1", "t-1", "safety", "expert-ethics@external.advisor", "sip:expert-safety@external.advisor",
            report.callID, try #require(invite.text(.date)),
        ].joined(separator: "\n")
        #expect(value.hasPrefix("k1:"))
        let signature = try #require(Data(base64Encoded: String(value.dropFirst(3))))
        #expect(key.publicKey.isValidSignature(signature, for: Data(signed.utf8)))
        await caller.shutdown()
        await phone.shutdown()
    }

    @Test("an INVITE that comes again gets the same answer, other requests theirs")
    func inviteComesAgainGets() async throws {
        let phone = try await AnsweringPhone(on: [(.udp, loopback)], manner: .init(ringsFor: nil))
        let answers = try await Wire(to: phone.endpoints[0])
        let invite = answers.request("INVITE", branch: "z9hG4bKa")
        let first = try await answers.exchange(invite)
        #expect(first.status == 200)
        #expect(first.all(.recordRoute).map { first.text($0.value) } == ["<sip:edge;lr>"])
        #expect(try await answers.exchange(invite).toTag == first.toTag)
        #expect(try await answers.exchange(answers.request("CANCEL", branch: "z9hG4bKother")).status == 481)
        #expect(try await answers.exchange(answers.request("OPTIONS", branch: "z9hG4bKb")).status == 200)
        #expect(try await answers.exchange(answers.request("MESSAGE", branch: "z9hG4bKc")).status == 501)
        #expect(try await answers.exchange(answers.request("BYE", branch: "z9hG4bKd")).status == 200)
        #expect(try await answers.exchange(answers.request("BYE", branch: "z9hG4bKe")).status == 481)
        await phone.shutdown()
    }
}

/// A UDP socket that speaks SIP by hand.
private final class Wire: Sendable {
    private let channel: any Channel
    private let remote: Endpoint
    private let bytes: AsyncStream<[UInt8]>

    init(to remote: Endpoint) async throws {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        self.remote = remote
        bytes = stream
        channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(continuation))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func request(_ method: String, branch: String) -> String {
        """
        \(method) sip:a@b SIP/2.0\r
        Via: SIP/2.0/UDP 192.0.2.1;branch=\(branch);rport\r
        Record-Route: <sip:edge;lr>\r
        Max-Forwards: 70\r
        From: <sip:c@d>;tag=1\r
        To: <sip:a@b>\r
        Call-ID: one\r
        CSeq: 1 \(method)\r
        Content-Length: 0\r
        \r

        """
    }

    /// Sends, and reads the next answer with the request's branch.
    func exchange(_ request: String) async throws -> Message {
        let branch = try Message(parsing: Array(request.utf8)).topVia.branch
        let address = try SocketAddress(ipAddress: remote.address.description, port: Int(remote.port))
        try await channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: request)))
        var iterator = bytes.makeAsyncIterator()
        while let next = await iterator.next() {
            let message = try Message(parsing: next)
            if message.topVia.branch == branch { return message }
        }
        throw CancellationError()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let bytes: AsyncStream<[UInt8]>.Continuation
        init(_ bytes: AsyncStream<[UInt8]>.Continuation) { self.bytes = bytes }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.yield(Array(unwrapInboundIn(data).data.readableBytesView))
        }
    }
}
