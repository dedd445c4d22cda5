import CoreTypes
import Foundation
import Testing

@testable import Witness

@Suite("Queries")
struct QueryTests {
    private func all(_ scratch: Scratch, _ change: (inout WitnessFilter) -> Void = { _ in }) throws -> [WitnessRecord] {
        var filter = WitnessFilter()
        change(&filter)
        var query = try WitnessQuery(directory: scratch.log.path, filter)
        var found: [WitnessRecord] = []
        while let record = try query.next() { found.append(record) }
        return found
    }

    private func write(_ scratch: Scratch, _ events: [(SecurityEvent, Int64)]) throws {
        let log = try WitnessLog(scratch.settings) { _ in }
        for (event, wall) in events { log.append(event, at: wall) }
        log.close()
    }

    @Test("without a filter, every record comes, byte for byte, from files in both forms")
    func everything() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        let bytes = try files.flatMap { try scratch.content(of: $0) }
        #expect(Array(try all(scratch).map { $0.line + "\n" }.joined().utf8) == bytes)
    }

    @Test("each filter finds what it asks for and nothing else")
    func filters() throws {
        let scratch = try Scratch()
        let start: Int64 = 1_762_898_400_000
        try write(
            scratch,
            [
                (SecurityEvent(.started, .notice), start),
                (
                    SecurityEvent(
                        .authFailed, .warning, sourceIP: IPAddress("203.0.113.42"), expertID: "anna@external.advisor",
                        traceID: "t1", details: [.init("call_id", "c1")]), start + 1000
                ),
                (
                    SecurityEvent(
                        .policyApproved, .info, sourceIP: IPAddress("2001:db8::7"), expertID: "bert@external.advisor",
                        traceID: "t2",
                        details: [.init("call_id", "c2"), .init("call", "k2"), .init("expert", "carl@x")]),
                    start + 2000
                ),
                (SecurityEvent(.callEnded, .alert, details: [.init("call", "k2")]), start + 3000),
            ])
        func kinds(_ change: (inout WitnessFilter) -> Void) throws -> [String] {
            try all(scratch, change).map(\.kind).filter { $0 != "CHECKPOINT" }
        }
        #expect(try kinds { _ in }.count == 4)
        #expect(try kinds { $0.since = start + 1000 }.count == 3)
        #expect(try kinds { $0.until = start + 1000 } == ["STARTED", "AUTH_FAILED"])
        #expect(try kinds { $0.kinds = ["STARTED", "CALL_ENDED"] } == ["STARTED", "CALL_ENDED"])
        #expect(try kinds { $0.severity = .warning } == ["AUTH_FAILED", "CALL_ENDED"])
        #expect(try kinds { $0.source = try? IPNetwork(parsing: "203.0.113.0/24") } == ["AUTH_FAILED"])
        #expect(try kinds { $0.source = try? IPNetwork(parsing: "2001:db8::/32") } == ["POLICY_APPROVED"])
        #expect(try kinds { $0.expert = "anna" } == ["AUTH_FAILED"])
        #expect(try kinds { $0.expert = "bert@external.advisor" } == ["POLICY_APPROVED"])
        #expect(try kinds { $0.expert = "carl" } == ["POLICY_APPROVED"])
        #expect(try kinds { $0.trace = "t1" } == ["AUTH_FAILED"])
        #expect(try kinds { $0.call = "c1" } == ["AUTH_FAILED"])
        #expect(try kinds { $0.call = "k2" } == ["POLICY_APPROVED", "CALL_ENDED"])
        #expect(
            try kinds {
                $0.severity = .info
                $0.trace = "t2"
                $0.source = try? IPNetwork(parsing: "203.0.113.0/24")
            } == [])
        let story = try WitnessStory(of: "t2", directory: scratch.log.path)
        #expect(story.records.map(\.kind) == ["POLICY_APPROVED", "CALL_ENDED"])
    }

    @Test("a record with an older time in a newer file is found, and files of another time are not decompressed")
    func oldInNew() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateBytes = 3000
        settings.durability = .sync
        let start: Int64 = 1_762_898_400_000
        let log = try WitnessLog(settings) { _ in }
        for index in 0..<90 {
            // A change of the registry that was made while the edge was down.
            let isLate = index == 65
            log.append(
                isLate ? SecurityEvent(.adminChange, .notice) : .sample(index),
                at: isLate ? start : start + Int64(index) * 60_000)
        }
        log.close()
        for entry in try scratch.log.files().dropLast() where !entry.isCompressed { try scratch.compress(entry) }
        var filter = WitnessFilter()
        filter.until = start + 60_000
        var query = try WitnessQuery(directory: scratch.log.path, filter)
        var found: [WitnessRecord] = []
        while let record = try query.next() { found.append(record) }
        #expect(found.map(\.kind).filter { $0 != "CHECKPOINT" } == ["AUTH_FAILED", "AUTH_FAILED", "ADMIN_CHANGE"])
        #expect(query.filesSkipped > 5)
        #expect(query.unreadableCount == 0)
    }

    @Test("what can't be read is told, and the rest is found")
    func damaged() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        let bytes = try scratch.read(files[1].name)
        try scratch.replace(files[1].name, bytes.prefix(bytes.count / 2))
        try scratch.change(files[2]) { $0[0] = "{}" }
        var query = try WitnessQuery(directory: scratch.log.path)
        var last = 0
        while let record = try query.next() { last = record.sequence }
        #expect(query.unreadableCount == 2)
        #expect(query.unreadable.last == "\(files[2].name):1: no record")
        #expect(last == files.last.map { $0.first } ?? 0 || last > files[3].first)
    }

    @Test("times are read as RFC 3339 writes them, and nothing else is one")
    func times() {
        let expected: Int64 = 1_762_898_400_123
        for text in [
            "2025-11-11T22:00:00.123Z", "2025-11-11t22:00:00.123456z", "2025-11-11 23:00:00.123+01:00",
            "2025-11-11T17:30:00.123-04:30",
        ] {
            #expect(CivilTime.parse(rfc3339: text) == expected, "\(text)")
        }
        for text in [
            "", "2025-11-11", "2025-11-11T22:00", "2025-02-30T00:00:00Z", "2025-11-11T22:00:00",
            "2025-11-11T22:00:00.Z", "2025-11-11T22:00:00+1:00", "2025-11-11T22:00:00Zx", "٢٠٢٥-11-11T22:00:00Z",
        ] {
            #expect(CivilTime.parse(rfc3339: text) == nil, "\(text)")
        }
    }

    @Test("CEF and CSV keep hostile text within its field and line")
    func formats() throws {
        let hostile = "a|b=c\\d\n\u{1b}[2J\u{202e}\"x\",y"
        var encoder = RecordEncoder(source: "sallyport.edge-1")
        var buffer: [UInt8] = []
        _ = encoder.append(
            SecurityEvent(
                .authFailed, .warning, sourceIP: IPAddress("203.0.113.42"), expertID: "=cmd()", traceID: hostile,
                details: [.init("reason", "wrong"), .init("count", 7), .init("user", .string(hostile))]),
            wall: 1_762_898_400_123, sequence: 4711, previous: RecordEncoder.zeroHash, to: &buffer)
        let record = try #require(WitnessRecord(line: buffer.dropLast()))
        let cef = CommonEventFormat.text(record)
        #expect(
            cef.hasPrefix("CEF:0|Sallyport|sallyport|1|AUTH_FAILED|Auth failed|6|rt=1762898400123 externalId=4711 "))
        #expect(
            cef.contains(
                "src=203.0.113.42 suser=\\=cmd() cs1=a|b\\=c\\\\d\\\\u000a\\\\u001b[2J\\\\u202e\"x\",y cs1Label=trace_id"
            ))
        #expect(cef.contains(" reason=wrong cnt=7 "))
        let row = RecordTable.row(record)
        for line in [cef, row] {
            #expect(!line.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202e })
        }
        #expect(row.contains(",'=cmd(),") || row.contains(",\"'=cmd()\","))
        #expect(row.contains("\"a|b=c\\d\\n\\u001b[2J\\u202e\"\"x\"\",y\""))
        #expect(RecordTable.heading.split(separator: ",").count == 13)
    }
}
