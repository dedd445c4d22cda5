import CoreTypes
import Foundation
import Testing

@testable import Witness

@Suite("Records")
struct RecordTests {
    private func line(_ event: SecurityEvent) -> String {
        var encoder = RecordEncoder(source: "sallyport.edge-1")
        var buffer: [UInt8] = []
        _ = encoder.append(
            event, wall: 1_762_898_400_123, sequence: 4711, previous: RecordEncoder.zeroHash, to: &buffer)
        return String(decoding: buffer.dropLast(), as: UTF8.self)
    }

    @Test("a record has its keys in the agreed order and its hash over all before it")
    func format() throws {
        let event = SecurityEvent(
            .authFailed, .warning, sourceIP: IPAddress("203.0.113.42"), expertID: "expert-safety@external.advisor",
            traceID: "if-trace-abc123",
            details: [
                .init("tls_version", "TLSv1.3"), .init("authenticated", false), .init("count", 5),
                .init("seconds", .number(0.25)), .init("hazards", .strings(["safety", "bias"])),
            ])
        let body =
            #"{"timestamp":"2025-11-11T22:00:00.123Z","event_type":"AUTH_FAILED","severity":"WARNING","#
            + #""source_ip":"203.0.113.42","expert_id":"expert-safety@external.advisor","trace_id":"if-trace-abc123","#
            + #""details":{"tls_version":"TLSv1.3","authenticated":false,"count":5,"seconds":0.25,"#
            + #""hazards":["safety","bias"]},"source":"sallyport.edge-1","seq":4711,"prev":""#
            + String(repeating: "0", count: 64) + "\""
        let hash = Array(body.utf8).withUnsafeBytes { String(decoding: RecordSeal.hash($0), as: UTF8.self) }
        #expect(line(event) == body + ",\"hash\":\"\(hash)\"}")
        let record = try #require(WitnessRecord(line: Array(line(event).utf8)))
        #expect(record.details == event.details)
        #expect(record.sequence == 4711)
    }

    @Test("keys without a value are left out, details never")
    func absentKeys() {
        let text = line(SecurityEvent(.started, .info))
        #expect(text.contains(#""severity":"INFO","details":{},"source""#))
        #expect(!text.contains("source_ip") && !text.contains("expert_id") && !text.contains("trace_id"))
    }

    @Test(
        "hostile text comes back as it was and shows nothing that moves a cursor or hides",
        arguments: [
            "\"},\"seq\":1,\"prev\":\"", "back\\slash\\\"", "line\nfeed\r\n\t\u{0}\u{1b}[2J", "\u{7f}\u{9b}31m",
            "a\u{2028}b\u{2029}c", "\u{202e}gnp.exe\u{202c}\u{2066}\u{2069}\u{200f}", "\u{feff}\u{200b}\u{ad}",
            "\u{e0041}\u{e007f}", "née 日本 🚀", "\u{10ffff}\u{e000}", "", String(repeating: "é", count: 4000),
        ])
    func hostileText(text: String) throws {
        let event = SecurityEvent(
            .authFailed, .warning, expertID: text, traceID: text, details: [.init(text, .string(text))])
        let line = line(event)
        let record = try #require(WitnessRecord(line: Array(line.utf8)))
        #expect(record.expertID == text)
        #expect(record.traceID == text)
        #expect(record.details == event.details)
        let shown = line.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
        #expect(shown)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["expert_id"] as? String == text)
    }

    @Test("a text beyond the limit is cut at a character and says so", arguments: 0..<4)
    func longText(offset: Int) throws {
        let text = String(repeating: "x", count: offset) + String(repeating: "🚀", count: 5000)
        let record = try #require(
            WitnessRecord(line: Array(line(SecurityEvent(.authFailed, .info, traceID: text)).utf8)))
        let trace = try #require(record.traceID)
        #expect(trace.utf8.count < JSONText.maximumStringBytes + 50)
        #expect(trace.hasSuffix(" bytes cut)"))
        #expect(!trace.contains("\u{fffd}"))
    }

    @Test("numbers that JSON has no word for are written as text", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(number: Double) throws {
        let line = line(SecurityEvent(.degraded, .info, details: [.init("value", .number(number))]))
        let record = try #require(WitnessRecord(line: Array(line.utf8)))
        #expect(record[detail: "value"] == .string("\(number)"))
    }

    @Test("a line of any other form is no record", arguments: [" ", "x", "{}", "null"])
    func otherForms(prefix: String) {
        let good = line(SecurityEvent(.started, .info))
        #expect(WitnessRecord(line: Array((prefix + good).utf8)) == nil)
        #expect(WitnessRecord(line: Array((good + prefix + " ").utf8)) == nil)
        #expect(RecordSeal(Array(prefix.utf8)[...]) == nil)
        let swapped = good.replacingOccurrences(of: #""severity":"INFO","#, with: "")
        #expect(WitnessRecord(line: Array(swapped.utf8)) == nil)
    }
}
