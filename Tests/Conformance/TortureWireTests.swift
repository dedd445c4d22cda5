import CoreTypes
import SIPMessage
import TestSupport
import Testing
import TortureMessages
import Witness

/// What becomes of a torture message over one transport.
private struct Ordeal: Sendable {
    let name: String
    let bytes: [UInt8]
    let verdict: TortureVerdict
    /// What arrives when it is forwarded: one request, or two where trailing octets are another message.
    let arrivals: [[UInt8]]
    /// Whether the connection ends since nobody knows where the next message begins.
    let closes: Bool

    /// Over UDP, where the end of the datagram is the end of the message.
    /// - Parameter port: where answers are to come.
    static func datagram(_ torture: TortureCase, _ bytes: [UInt8], port: UInt16) -> Ordeal {
        let verdict = verdict(torture, bytes)
        // Where the parameters of Via can't be read, rport isn't, and the answer goes to the port of sent-by.
        let here = torture.name == "badinv01" ? ":\(port)" : ";rport"
        return Ordeal(
            name: "\(torture)", bytes: bytes.inFirstVia(here), verdict: verdict,
            arrivals: verdict == .forward ? [bytes] : [], closes: false)
    }

    private static func verdict(_ torture: TortureCase, _ bytes: [UInt8]) -> TortureVerdict {
        // The RFC's message has a Route to an address that is none of the edge's: see row 14.
        if torture.name == "mpart01", bytes != torture.bytes { return .refuse(403) }
        return torture.edge
    }

    /// Over a stream, where Content-Length alone says where a message ends.
    static func stream(_ torture: TortureCase, _ bytes: [UInt8]) -> Ordeal {
        var verdict = verdict(torture, bytes)
        var arrivals = verdict == .forward ? [bytes] : []
        var closes = false
        switch torture.name {
        case "clerr":
            // The octets that it announces may still come.
            verdict = .discard
        case "dblreq":
            // Behind the first message another one, as good as any.
            let second = bytes.behindFirstMessage
            arrivals = [bytes, second]
            // The RFC's second message is longer than it says.
            closes = !second.behindFirstMessage.isEmpty
        case "ncl", "mcl01":
            closes = true
        default:
            break
        }
        if !bytes.hasHeaderEnd {
            // The empty line may still come.
            verdict = .discard
            arrivals = []
        } else if !bytes.hasContentLength {
            // Section 18.3: mandatory on streams. Only a request is answered.
            arrivals = []
            closes = true
            if verdict != .discard { verdict = .refuse(verdict == .refuse(505) ? 505 : 400) }
        }
        return Ordeal(name: "\(torture)", bytes: bytes, verdict: verdict, arrivals: arrivals, closes: closes)
    }
}

extension [UInt8] {
    /// The header's lines, folded ones as one, without their line ends.
    fileprivate var headerLines: [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        var index = 0
        while index + 1 < count {
            guard self[index] == 13, self[index + 1] == 10 else {
                index += 1
                continue
            }
            if index == start { break }
            let isFolded = index + 2 < count && [9, 32].contains(self[index + 2])
            if !isFolded {
                lines.append(start..<index)
                start = index + 2
            }
            index += 2
        }
        return lines
    }

    private func name(of line: Range<Int>) -> String {
        String(decoding: self[line].prefix { $0 != 0x3a }, as: UTF8.self).lowercased().trimmingBlanks
    }

    /// With a text behind the sent-by of the first Via.
    fileprivate func inFirstVia(_ text: String) -> [UInt8] {
        guard let value = firstVia, !String(decoding: self[value], as: UTF8.self).contains(";rport") else {
            return self
        }
        let end = value.first { [0x3b, 0x2c].contains(self[$0]) } ?? value.upperBound
        return Array(self[..<end]) + Array(text.utf8) + Array(self[end...])
    }

    private var firstVia: Range<Int>? {
        guard let line = headerLines.dropFirst().first(where: { ["via", "v"].contains(name(of: $0)) }),
            let colon = line.first(where: { self[$0] == 0x3a })
        else { return nil }
        return colon + 1..<line.upperBound
    }

    fileprivate var hasHeaderEnd: Bool { firstRange(of: Array("\r\n\r\n".utf8)) != nil }

    fileprivate var hasContentLength: Bool {
        headerLines.contains { ["content-length", "l"].contains(name(of: $0)) }
    }

    /// What follows the first message and the line ends behind it.
    fileprivate var behindFirstMessage: [UInt8] {
        guard let first = try? Message(parsing: self) else { return [] }
        return Array(self[first.body.upperBound...].drop { $0 == 13 || $0 == 10 })
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

extension Conformance {
    @Suite("Torture messages (RFC 4475, RFC 5118)")
    struct TortureWireTests {
        private static let withVectors: ConditionTrait = .enabled(
            if: TortureCase.hasVectors, "the RFCs' messages are not there: ../shared/vectors beside the checkout")

        @Test("row 21: each of the project's own messages gets its verdict", arguments: [Way.udp, .tcp])
        func own(way: Way) async throws {
            try await suffer(way) { $0.bytes }
        }

        @Test("row 21: each of the RFCs' messages gets its verdict", withVectors, arguments: [Way.udp, .tcp])
        func vectors(way: Way) async throws {
            try await suffer(way) { try $0.vector() }
        }

        private func suffer(_ way: Way, _ bytes: (TortureCase) throws -> [UInt8]) async throws {
            let lab = try await Laboratory()
            let process = try lab.edge.running().id
            for torture in TortureCase.all {
                let octets = try bytes(torture)
                let caller = try await lab.caller(way)
                let ordeal =
                    way == .udp
                    ? Ordeal.datagram(torture, octets, port: caller.wire.local.port) : .stream(torture, octets)
                try await suffer(ordeal, caller, lab)
                try await caller.wire.close()
            }
            #expect(try lab.edge.running().id == process)
            try await lab.close()
            #expect(try lab.edge.verify().defect == nil)
            try Ledger.note(21, [way.rawValue])
        }

        private func suffer(_ ordeal: Ordeal, _ caller: Caller, _ lab: Laboratory) async throws {
            let before = lab.downstream.mailbox.everything.count
            caller.wire.send(ordeal.bytes)
            switch ordeal.verdict {
            case .forward:
                try await eventually("\(ordeal.name) arrives", within: .seconds(5)) {
                    self.arrived(lab, since: before).count >= ordeal.arrivals.count
                }
            case .refuse(let status):
                try await eventually("\(ordeal.name) is answered", within: .seconds(5)) {
                    !caller.wire.mailbox.everything.isEmpty
                }
                // An answer has what the request had, and so not every parser reads it.
                let lines = caller.wire.mailbox.everything.map { String(decoding: $0.octets.prefix(12), as: UTF8.self) }
                #expect(lines == ["SIP/2.0 \(status) "], "\(ordeal.name)")
            case .discard:
                break
            }
            if ordeal.closes {
                try await eventually("\(ordeal.name) ends the connection", within: .seconds(5)) {
                    caller.wire.isClosed
                }
            }
            // The edge still answers, and has sent by now whatever it was going to send.
            try await lab.fence()
            if ordeal.verdict == .discard {
                #expect(caller.wire.mailbox.everything.isEmpty, "\(ordeal.name)")
            }
            let arrived = self.arrived(lab, since: before)
            #expect(arrived.count == ordeal.arrivals.count, "\(ordeal.name)")
            for (item, sent) in zip(arrived, ordeal.arrivals) {
                try expectUntouched(item, sent, ordeal.name)
                try item.answer(486, "Busy Here")
            }
            if !ordeal.closes { #expect(!caller.wire.isClosed, "\(ordeal.name)") }
        }

        /// Requests, each once, without those of fences and without ACKs.
        private func arrived(_ lab: Laboratory, since count: Int) -> [Mailbox.Item] {
            var seen: Set<String> = []
            return lab.downstream.mailbox.everything.dropFirst(count).filter { item in
                guard let message = item.message else { return true }
                return message.isRequest && message.method != .ack && !message.callID.hasPrefix("fence-")
                    && seen.insert(message.topVia.branch ?? "").inserted
            }
        }

        /// All lines but those that a proxy must change are as they were sent, and so is the body.
        private func expectUntouched(_ item: Mailbox.Item, _ octets: [UInt8], _ name: String) throws {
            let received = try item.sip
            let sent = try Message(parsing: octets)
            #expect(received.method == sent.method, "\(name)")
            #expect(received.requestURI?.user == sent.requestURI?.user, "\(name)")
            #expect(received.bytes[received.body] == sent.bytes[sent.body], "\(name)")
            #expect(received.vias.count == sent.vias.count + 1, "\(name)")
            #expect(received.maxForwards == sent.maxForwards.map { $0 - 1 } ?? 70, "\(name)")
            #expect(Self.untouched(received, viaLines: 2) == Self.untouched(sent, viaLines: 1), "\(name)")
        }

        private static func untouched(_ message: Message, viaLines: Int) -> [String] {
            let vias = message.fields.filter { $0.name == .via }.dropFirst(viaLines)
            let others = message.fields.filter { ![.via, .maxForwards, .contentLength].contains($0.name) }
            return (vias + others).map { message.text($0.line) }
                .filter { !($0.hasPrefix("Record-Route: <sip:sp1-") && viaLines == 2) }
        }
    }
}
