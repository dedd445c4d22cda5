import CoreTypes
import SIPMessage
import TestSupport
import Testing

/// A request with one thing wrong that two parsers might read in two ways.
private struct Trick: Sendable {
    let name: String
    /// Replaced in a plain MESSAGE, the first time that it occurs.
    let old: String
    let new: String

    init(_ name: String, _ old: String, _ new: String) {
        self.name = name
        self.old = old
        self.new = new
    }

    /// In place of the end of the line of Subject, which says nothing by itself.
    static func line(_ name: String, _ text: String) -> Trick {
        Trick(name, "Subject: plain\r\n", "Subject: plain\r\n\(text)\r\n")
    }

    static let blanks: [Trick] = [
        Trick("a folded first field", "Via:", " Via:"), Trick("a blank in a name", "Subject:", "Sub ject:"),
        .line("a name of nothing", ": x"), .line("a line without a colon", "nonsense"),
        .line("a line of blanks in front of a colon", "X-Odd\u{b}: x"),
        Trick("a form feed behind a name", "Subject:", "Subject\u{c}:"),
        Trick("a blank in Call-ID", "Call-ID: ", "Call-ID: two "),
        Trick("a blank in a length", "Content-Length: 5", "Content-Length: 5 5"),
        Trick("two lengths in one", "Content-Length: 5", "Content-Length: 5, 5"),
        Trick("a length with a sign", "Content-Length: 5", "Content-Length: +5"),
        Trick("a negative length", "Content-Length: 5", "Content-Length: -5"),
        Trick("a length in hexadecimal", "Content-Length: 5", "Content-Length: 0x5"),
        Trick("a length of nothing", "Content-Length: 5", "Content-Length:"),
        Trick("a length that wraps", "Content-Length: 5", "Content-Length: 4294967301"),
        Trick("a blank behind the version", "SIP/2.0\r\n", "SIP/2.0 \r\n"),
        Trick("a tab in the request line", "MESSAGE sip:", "MESSAGE\tsip:"),
        Trick("a double blank in the request line", "MESSAGE sip:", "MESSAGE  sip:"),
    ]

    static let controls: [Trick] = [
        Trick("NUL in a name", "Subject:", "Sub\0ject:"), Trick("NUL in a value", "plain", "pl\0ain"),
        Trick("NUL in Call-ID", "Call-ID: ", "Call-ID: \0"), Trick("ESC in a value", "plain", "\u{1b}[2Jplain"),
        Trick("BEL in a value", "plain", "pl\u{7}ain"), Trick("DEL in a name", "Subject:", "Subj\u{7f}ect:"),
        Trick("a bare CR in a value", "plain", "pl\rain"), Trick("a bare LF in a value", "plain", "pl\nain"),
        Trick("a bare LF that begins a field", "plain", "plain\nTo: <sip:carol@external.advisor>"),
        Trick("a bare CR that begins a field", "plain", "plain\rTo: <sip:carol@external.advisor>"),
        Trick("a bare LF in a name", "Subject:", "Sub\nject:"), Trick("a bare CR in a name", "Subject:", "Sub\rject:"),
        Trick("CR CR LF", "plain\r\n", "plain\r\r\n"), Trick("LF CR", "plain\r\n", "plain\n\r"),
        Trick("an empty line of LFs", "plain\r\n", "plain\n\n"),
    ]

    static let repeated: [Trick] = [
        .line("two From", "From: <sip:caller@external.advisor>;tag=other"),
        .line("two From, one of them short", "f: <sip:caller@external.advisor>;tag=other"),
        .line("two To", "To: <sip:carol@external.advisor>"), .line("two To, one short", "t: <sip:carol@x.example>"),
        .line("two Call-ID", "Call-ID: another"), .line("two Call-ID, one short", "i: another"),
        .line("two CSeq", "CSeq: 2 MESSAGE"), .line("the same CSeq twice", "CSeq: 1 MESSAGE"),
        .line("two Max-Forwards", "Max-Forwards: 69"), .line("the same length twice", "Content-Length: 5"),
        .line("two lengths", "Content-Length: 0"), .line("two lengths, one short", "l: 0"),
        .line("two lengths, one with a blank before the colon", "Content-Length : 0"),
        .line("two lengths, one folded", "Content-Length:\r\n 0"),
    ]

    static let all = blanks + controls + repeated
}

extension Conformance {
    @Suite("Two readings of one message")
    struct SmugglingTests {
        @Test("row 22: refused or dropped, and never passed on", arguments: Way.allCases)
        func tricks(way: Way) async throws {
            let lab = try await Laboratory.shared()
            for trick in Trick.all {
                let caller = try await lab.caller(way)
                let call = CallIdentity("trick")
                try await send(try text(trick, caller, call), caller)
                try await end(lab, caller, trick.name)
                #expect(!lab.downstream.knows(call.callID), "\(trick.name)")
                #expect(!lab.downstream.mailbox.everything.contains { $0.message == nil }, "\(trick.name)")
            }
            try Ledger.note(22, [way.rawValue])
        }

        @Test("row 22: two lengths never make two messages", arguments: [Way.tcp, .tls])
        func smuggled(way: Way) async throws {
            let lab = try await Laboratory.shared()
            for lengths in [
                ["0", "ALL"], ["ALL", "0"], ["0, ALL"], ["0\r\n ALL"], ["00000000000000"], ["-0"], ["0x0"],
            ] {
                let caller = try await lab.caller(way)
                let (outer, inner) = (CallIdentity("outer"), CallIdentity("inner"))
                let hidden = caller.request("MESSAGE", inner)
                let fields = lengths.map {
                    "Content-Length: " + $0.replacing("ALL", with: "\(hidden.utf8.count)")
                }
                try await send(
                    caller.request("MESSAGE", outer)
                        .replacing("Content-Length: 0", with: fields.joined(separator: "\r\n")) + hidden, caller)
                try await end(lab, caller, "\(lengths)")
                #expect(!lab.downstream.knows(outer.callID) && !lab.downstream.knows(inner.callID), "\(lengths)")
            }
            try Ledger.note(22, [way.rawValue])
        }

        @Test("row 22: octets behind a datagram's message are no message", arguments: [Way.udp])
        func trailing(way: Way) async throws {
            try await row(22, way) { lab, caller in
                let (outer, inner) = (CallIdentity("outer"), CallIdentity("inner"))
                caller.send(caller.request("MESSAGE", outer) + caller.request("MESSAGE", inner))
                let item = try await lab.downstream.request(Method("MESSAGE"), of: outer.callID)
                #expect(!String(decoding: item.octets, as: UTF8.self).contains(inner.callID))
                try item.answer(200, "OK")
                _ = try await caller.response(200, outer)
                try await lab.fence()
                #expect(!lab.downstream.knows(inner.callID))
            }
        }

        private func text(_ trick: Trick, _ caller: Caller, _ call: CallIdentity) throws -> String {
            let plain = caller.request("MESSAGE", call, lines: ["Max-Forwards: 70", "Subject: plain"], body: "hello")
            let range = try #require(plain.firstRange(of: trick.old), "\(trick.name)")
            return plain.replacingCharacters(in: range, with: trick.new)
        }

        /// Returns when the kernel has it, so that a fence stands behind it.
        private func send(_ text: String, _ caller: Caller) async throws {
            if caller.way == .udp { caller.send(text) } else { try await caller.wire.write(Array(text.utf8)) }
        }

        /// Nothing but 400 has come, and what had to be sent by now was.
        private func end(_ lab: Laboratory, _ caller: Caller, _ name: String) async throws {
            try await lab.fence()
            let statuses = caller.wire.mailbox.everything.compactMap { $0.message?.status }.filter { $0 != 401 }
            #expect(statuses.isEmpty || statuses == [400], "\(name): \(statuses)")
            try await caller.wire.close()
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
