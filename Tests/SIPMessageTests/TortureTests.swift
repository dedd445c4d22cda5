import CoreTypes
import SIPMessage
import Testing
import TortureMessages

@Suite("Messages that are hard to get right (RFC 4475, RFC 5118)")
struct TortureTests {
    static let withVectors: ConditionTrait = .enabled(
        if: TortureCase.hasVectors, "the RFCs' messages are not there: ../shared/vectors beside the checkout")

    @Test("every message of both RFCs has a case")
    func complete() {
        #expect(TortureCase.all.filter { $0.source == .rfc4475 }.count == 49)
        #expect(TortureCase.all.filter { $0.source == .rfc5118 }.count == 12)
        #expect(Set(TortureCase.all.map(\.name)).count == 61)
    }

    @Test("the parser gives each its verdict", arguments: TortureCase.all)
    func own(_ torture: TortureCase) {
        #expect(Self.verdict(torture.bytes) == torture.parser)
    }

    @Test("the RFCs' own messages get the same verdicts", withVectors, arguments: TortureCase.all)
    func vectors(_ torture: TortureCase) throws {
        #expect(Self.verdict(try torture.vector()) == torture.parser)
    }

    @Test("an answer has somewhere to go, save for what lacks From, To and Call-ID", arguments: TortureCase.all)
    func answerable(_ torture: TortureCase) {
        guard case .refuse = torture.parser else { return }
        do {
            _ = try Message(parsing: torture.bytes)
        } catch {
            #expect((error.reply != nil) == (torture.name != "insuf"))
        }
    }

    @Test("what is accepted is written as it came", arguments: TortureCase.all)
    func preserved(_ torture: TortureCase) throws {
        guard torture.parser == .forward else { return }
        try Self.expectPreserved(torture.bytes)
    }

    @Test("the RFCs' own messages are written as they came", withVectors, arguments: TortureCase.all)
    func vectorsPreserved(_ torture: TortureCase) throws {
        guard torture.parser == .forward else { return }
        try Self.expectPreserved(try torture.vector())
    }

    @Test("a body that claims to be a session description is one", withVectors, arguments: TortureCase.all)
    func bodies(_ torture: TortureCase) throws {
        guard torture.parser == .forward else { return }
        for bytes in [torture.bytes, try torture.vector()] {
            let message = try Message(parsing: bytes)
            if message.has(.contentType), message.text(.contentType) == "application/sdp", !message.body.isEmpty {
                #expect(try message.sessionDescription != nil)
            }
        }
    }

    private static func verdict(_ bytes: [UInt8]) -> TortureVerdict {
        do {
            _ = try Message(parsing: bytes)
            return .forward
        } catch {
            return bytes.starts(with: Array("SIP/".utf8)) ? .discard : .refuse(error.status)
        }
    }

    private static func expectPreserved(_ bytes: [UInt8]) throws {
        let message = try Message(parsing: bytes)
        let written = message.written()
        if message.has(.contentLength) {
            #expect(written == message.bytes)
            #expect(bytes.starts(with: written))
        } else {
            let added = Array("Content-Length: \(message.body.count)\r\n\r\n".utf8) + message.bytes[message.body]
            #expect(written == message.bytes[..<(message.body.lowerBound - 2)] + added)
        }

        guard message.isRequest else { return }
        var rewrite = Rewrite()
        rewrite.prepend(.via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown")
        if let hops = message.fields.firstIndex(where: { $0.name == .maxForwards }) {
            rewrite.replace(field: hops, with: Array("69".utf8))
        }
        let source = Endpoint(IPAddress(v4: 0xc000_0263), port: 5099)
        if let top = message.fields.firstIndex(where: { $0.name == .via }) {
            rewrite.replace(field: top, with: Array(try message.topViaAmended(source: source).utf8))
        }
        let forwarded = try Message(parsing: message.written(applying: rewrite))
        #expect(untouchedLines(of: forwarded) == untouchedLines(of: message))
        #expect(forwarded.bytes[forwarded.body] == message.bytes[message.body])
    }

    /// All lines but those that a proxy must change, in order.
    private static func untouchedLines(of message: Message) -> [[UInt8]] {
        let vias = message.fields.filter { $0.name == .via }.dropFirst(message.topVia.branch == "z9hG4bKown" ? 2 : 1)
        let others = message.fields.filter { ![.via, .maxForwards, .contentLength].contains($0.name) }
        return (vias + others).map { Array(message.bytes[$0.line]) }
    }
}
