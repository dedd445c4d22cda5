import CoreTypes
import Foundation
import Testing
import Witness

@testable import WitnessForwarding

@Suite("What forwarders decide")
struct DecisionTests {
    @Test("waits double up to a minute, less a random part, and begin anew after a success")
    func backoff() {
        var backoff = Backoff()
        let waits = (0..<10).map { _ in backoff.failed(jitter: 1) }
        #expect(
            waits == [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000].map { .milliseconds($0) })
        #expect(backoff.failed(jitter: 0) == .milliseconds(30_000))
        #expect(backoff.failed(jitter: 7) == .milliseconds(60_000))
        backoff.succeeded()
        #expect(backoff.failed(jitter: 0) == .milliseconds(250))
    }

    @Test(
        "a receiver may ask for a longer wait, within bounds", arguments: [(1, 1), (120, 120), (86_400, 300), (0, 0)])
    func asked(seconds: Int, granted: Int) {
        var backoff = Backoff()
        let wait = backoff.failed(jitter: 0, asked: .seconds(seconds))
        #expect(wait == max(.milliseconds(250), .seconds(granted)))
    }

    @Test("a batch counts as received when its connection has lived on, and not when it has ended")
    func settling() {
        let start = ContinuousClock.now
        var window = SettlingWindow<Int>(settle: .seconds(5))
        window.add(1, at: start)
        window.add(2, at: start + .seconds(1))
        window.add(3, at: start + .seconds(3))
        #expect(window.settled(at: start + .seconds(4)) == nil)
        #expect(window.settled(at: start + .seconds(6)) == 2)
        #expect(window.settled(at: start + .seconds(7)) == nil)
        window.clear()
        #expect(window.isEmpty)
        #expect(window.settled(at: start + .seconds(60)) == nil)
        for mark in 0..<5000 {
            window.add(mark, at: start)
            #expect(window.settled(at: start + .seconds(5)) == mark)
        }
    }

    @Test("trouble is told once, and not again within half a minute")
    func trouble() {
        let start = ContinuousClock.now
        var trouble = Trouble()
        let told = [
            trouble.began(at: start), trouble.began(at: start + .seconds(1)), trouble.ended(), trouble.ended(),
            trouble.began(at: start + .seconds(29)), trouble.ended(), trouble.began(at: start + .seconds(31)),
        ]
        #expect(told == [true, false, true, false, false, false, true])
    }

    private func record(_ trace: String?, _ severity: SecurityEvent.Severity = .warning) throws -> OutgoingRecord {
        let scratch = try LogScratch()
        let log = try scratch.open()
        log.append(SecurityEvent(.authFailed, severity, traceID: trace), at: 1_762_898_400_123)
        log.close()
        let source = WitnessSource(directory: scratch.directory, after: 0)
        return try #require(try source.next(upTo: 1, limit: 1, bytes: 1).records.first)
    }

    @Test(
        "a message has the form of RFC 5424 and says its length in octets",
        arguments: [
            (SecurityEvent.Severity.debug, 111), (.info, 110), (.notice, 109), (.warning, 108), (.alert, 105),
        ])
    func message(severity: SecurityEvent.Severity, priority: Int) throws {
        let record = try record("trace-é", severity)
        let frame = try #require(SyslogMessage(hostName: "edge.example.org", format: .rfc5424).frame(record))
        let text = String(decoding: frame, as: UTF8.self)
        let head =
            "<\(priority)>1 2025-11-11T22:00:00.123Z edge.example.org sallyport sallyport.test AUTH_FAILED "
            + "[sallyport@32473 seq=\"1\" hash=\"\(record.hash)\" trace=\"trace-é\"] "
        let message = head + String(decoding: record.line, as: UTF8.self)
        #expect(text == "\(message.utf8.count) \(message)")
    }

    @Test("no text of a stranger leaves its place", arguments: ["\"]\\ x", "a\nb", "\u{1b}[2J", "]"])
    func hostile(trace: String) throws {
        let frame = try #require(SyslogMessage(hostName: "a b", format: .rfc5424).frame(try record(trace)))
        let text = String(decoding: frame, as: UTF8.self)
        #expect(text.contains("Z - sallyport "))
        #expect(!text.unicodeScalars.contains { $0.value < 32 })
        // The end of the structured data: the first bracket without a backslash before it.
        let data = try #require(text.firstRange(of: " trace=\""))
        var isEscaped = false
        let end = text[data.upperBound...].firstIndex { character in
            defer { isEscaped = character == "\\" && !isEscaped }
            return character == "]" && !isEscaped
        }
        let rest = text[(end ?? text.endIndex)...]
        #expect(rest.hasPrefix("] {\"timestamp\":\""))
    }

    @Test("CEF stands behind the same head")
    func cef() throws {
        let frame = try #require(SyslogMessage(hostName: "edge", format: .cef).frame(try record("t")))
        #expect(
            String(decoding: frame, as: UTF8.self).contains("] CEF:0|Sallyport|sallyport|1|AUTH_FAILED|Auth failed|6|"))
    }

    @Test("a batch is an array of the very lines")
    func body() throws {
        let records = [try record("one"), try record("two")]
        let body = HTTPSink.body(records)
        let lines = records.map { String(decoding: $0.line, as: UTF8.self) }
        #expect(String(decoding: body, as: UTF8.self) == "[\n\(lines[0]),\n\(lines[1])\n]\n")
        #expect((try JSONSerialization.jsonObject(with: Data(body)) as? [Any])?.count == 2)
    }
}
