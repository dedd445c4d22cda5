import CoreTypes
import NIOCore
import NIOPosix
import SIPMessage
import Synchronization
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Hostile messages", .timeLimit(.minutes(2)))
    struct HostileMessageTests {
        private static var fields: String {
            """
            Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-\(UInt64.random(in: 0...(.max)));rport\r
            From: <sip:a@external.advisor>;tag=1\r
            To: <sip:b@external.advisor>\r
            Call-ID: hostile@127.0.0.1\r
            CSeq: 1 OPTIONS\r
            Max-Forwards: 70\r
            Content-Length: 0\r

            """
        }

        /// Nothing here may be forwarded; the answer is 400 or another refusal, or there is none.
        private static let messages: [(name: String, bytes: [UInt8])] = [
            ("zeros", Array(repeating: 0, count: 600)),
            ("every octet", Array(0...255)),
            ("a line feed", [10]),
            ("an HTTP request", Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)),
            (
                "a TLS ClientHello to a plain port",
                [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3] + Array(repeating: 7, count: 194)
            ),
            ("a request line alone", Array("OPTIONS sip:b@external.advisor SIP/2.0\r\n\r\n".utf8)),
            ("no version", text("OPTIONS sip:b@external.advisor")),
            ("another version", text("OPTIONS sip:b@external.advisor SIP/7.0")),
            ("a URI in brackets", text("OPTIONS <sip:b@external.advisor> SIP/2.0")),
            ("a URI with a space", text("OPTIONS sip:b@external.advisor;x y SIP/2.0")),
            ("an unknown scheme", text("OPTIONS nobody:b SIP/2.0")),
            ("a port too large", text("OPTIONS sip:b@external.advisor:99999 SIP/2.0")),
            ("an endless URI", text("OPTIONS sip:\(String(repeating: "b", count: 20_000))@external.advisor SIP/2.0")),
            ("a method of symbols", text("@@@ sip:b@external.advisor SIP/2.0")),
            ("a method that the CSeq does not have", text("INVITE sip:b@external.advisor SIP/2.0")),
            (
                "a number too large",
                text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("CSeq: 1", "CSeq: 99999999999999"))
            ),
            (
                "a negative length",
                text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("Content-Length: 0", "Content-Length: -1"))
            ),
            (
                "a length too large",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    replacing: ("Content-Length: 0", "Content-Length: 4294967296"))
            ),
            (
                "two lengths",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    replacing: ("Content-Length: 0", "Content-Length: 0\r\nl: 5"))
            ),
            ("no Via", text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("Via:", "X-Via:"))),
            ("no From", text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("From:", "X-From:"))),
            ("no Call-ID", text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("Call-ID:", "X-Call-ID:"))),
            ("two To", text("OPTIONS sip:b@external.advisor SIP/2.0", adding: "To: <sip:c@external.advisor>")),
            (
                "an open quotation",
                text("OPTIONS sip:b@external.advisor SIP/2.0", replacing: ("From: <", "From: \"a <"))
            ),
            (
                "an open bracket",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    replacing: ("To: <sip:b@external.advisor>", "To: <sip:b@external.advisor"))
            ),
            (
                "a Via of nonsense",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    replacing: ("SIP/2.0/UDP 127.0.0.1:9", "SIP/2.0/UDP [::::]:0"))
            ),
            ("a folded first field", Array("OPTIONS sip:b@external.advisor SIP/2.0\r\n \(fields)\r\n".utf8)),
            ("control characters", text("OPTIONS sip:b@external.advisor SIP/2.0", adding: "Subject: \u{1b}[2J\u{7}")),
            ("a field without a colon", text("OPTIONS sip:b@external.advisor SIP/2.0", adding: "nonsense")),
            (
                "ten thousand fields",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    adding: (1...3000).map { "X-\($0): y" }.joined(separator: "\r\n"))
            ),
            (
                "an endless field",
                text(
                    "OPTIONS sip:b@external.advisor SIP/2.0",
                    adding: "Subject: " + String(repeating: "x", count: 50_000))
            ),
            ("a response to nothing", Array("SIP/2.0 200 OK\r\n\(fields)\r\n".utf8)),
            ("a response of an odd status", Array("SIP/2.0 99999 What\r\n\(fields)\r\n".utf8)),
            (
                "a Route to an address elsewhere",
                text("OPTIONS sip:b@external.advisor SIP/2.0", adding: "Route: <sip:198.51.100.7;lr>")
            ),
            (
                "a BYE of no call",
                text(
                    "BYE sip:b@external.advisor SIP/2.0", replacing: ("CSeq: 1 OPTIONS", "CSeq: 1 BYE"),
                    adding: "To: <sip:b@external.advisor>;tag=9")
            ),
        ]

        /// These are no worse than odd. They may pass, to where the routes say and nowhere else.
        private static let odd: [(name: String, bytes: [UInt8])] = [
            (
                "no UTF-8",
                Array("OPTIONS sip:b@external.advisor SIP/2.0\r\nSubject: ".utf8) + [0xff, 0xfe, 0xc0]
                    + Array("\r\n\(fields)\r\n".utf8)
            ),
            (
                "a Route and a Request-URI elsewhere",
                text("OPTIONS sip:b@elsewhere.example SIP/2.0", adding: "Route: <sip:elsewhere.example;lr>")
            ),
        ]

        private static func text(
            _ line: String, replacing: (old: String, new: String)? = nil, adding field: String? = nil
        ) -> [UInt8] {
            var head = fields
            if let replacing { head = head.replacing(replacing.old, with: replacing.new) }
            return Array("\(line)\r\n\(head)\(field.map { $0 + "\r\n" } ?? "")\r\n".utf8)
        }

        @Test(
            "get a refusal or silence, go nowhere, and leave the edge as it was", arguments: [TransportKind.udp, .tcp])
        func messages(transport: TransportKind) async throws {
            let listener = try EdgeUnderTest.Listener(transport, "trunks")
            let alive = try EdgeUnderTest.Listener(.udp, "trunks")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener, alive], "routes:\n  - {name: far, match: {}, to: \"sip:far@\(phone.endpoints[0])\"}")
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "strangers", "--group", "2")
            try await edge.start()
            let process = try edge.running().id
            for (name, bytes) in Self.messages {
                let peer = try await RawPeer(transport, to: listener.endpoint)
                await peer.send(bytes)
                // The edge takes what comes in order: when it answers this, it is done with that.
                #expect(try await Calls.place(to: alive.endpoint, as: nil).isAnswered, "\(name)")
                let answer = await peer.received()
                #expect(
                    answer.isEmpty || answer.hasPrefix("SIP/2.0 4") || answer.hasPrefix("SIP/2.0 5"),
                    "\(name): \(answer)")
            }
            #expect(try edge.running().id == process)
            #expect(Set(phone.received.map(\.message.method)) == [.invite, .ack, .bye])
            for (_, bytes) in Self.odd { try await RawPeer(transport, to: listener.endpoint).send(bytes) }
            try await eventually("odd messages are forwarded") {
                phone.received.filter { $0.message.method == .options }.count == Self.odd.count
            }
            #expect(phone.received.allSatisfy { !$0.message.has(.route) })
            #expect(try await edge.metric("sip_malformed_messages_total") > 10)
            _ = try await edge.witnesses(.malformedMessage)
            #expect(try await edge.stop() == 0)
            // What strangers wrote has not become another line, or a command to a terminal.
            #expect(!edge.output.unicodeScalars.contains("\u{1b}"))
            #expect(try edge.verify().defect == nil)
            await phone.shutdown()
        }
    }
}

/// A socket that sends what it is given.
private final class RawPeer: Sendable {
    private let channel: any Channel
    private let remote: SocketAddress
    private let transport: TransportKind
    private let inbox: Inbox

    init(_ transport: TransportKind, to endpoint: Endpoint) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let inbox = Inbox()
        self.transport = transport
        self.inbox = inbox
        remote = try SocketAddress(ipAddress: endpoint.address.description, port: Int(endpoint.port))
        channel =
            if transport == .udp {
                try await DatagramBootstrap(group: group)
                    .channelInitializer { $0.pipeline.addHandler(DatagramHandler(inbox)) }.bind(
                        host: "127.0.0.1", port: 0
                    ).get()
            } else {
                try await ClientBootstrap(group: group)
                    .channelInitializer { $0.pipeline.addHandler(StreamHandler(inbox)) }.connect(to: remote).get()
            }
    }

    /// The edge may close the connection while it is still being sent to.
    func send(_ bytes: [UInt8]) async {
        let buffer = ByteBuffer(bytes: bytes)
        if transport == .udp {
            try? await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: buffer)).get()
        } else {
            try? await channel.writeAndFlush(buffer).get()
        }
    }

    /// Closes it.
    /// - Returns: what has come.
    func received() async -> String {
        try? await channel.close().get()
        return inbox.text
    }

    private final class Inbox: Sendable {
        private let bytes = Mutex(ByteBuffer())

        var text: String { bytes.withLock { String(buffer: $0) } }

        func append(_ part: ByteBuffer) { bytes.withLock { _ = $0.writeImmutableBuffer(part) } }
    }

    private final class DatagramHandler: ChannelInboundHandler, Sendable {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let inbox: Inbox

        init(_ inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { inbox.append(unwrapInboundIn(data).data) }
    }

    private final class StreamHandler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let inbox: Inbox

        init(_ inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { inbox.append(unwrapInboundIn(data)) }
    }
}
