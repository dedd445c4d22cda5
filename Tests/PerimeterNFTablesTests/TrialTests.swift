import Foundation
import Perimeter
import TestSupport
import Testing

@testable import PerimeterNFTables

extension NFTablesTests {
    @Suite("Trials", .needsNamespace, .timeLimit(.minutes(1)))
    struct TrialTests {
        /// A trial in a directory of its own, and one more that another process could have.
        private static func inDirectory<Value: Sendable>(
            _ body: @escaping @Sendable (Trial, NFTablesPerimeter) throws -> Value
        ) throws -> Value {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("trial-\(UUID().uuidString)")
                .path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            return try OwnNamespace.run {
                let perimeter = try Examples.perimeter()
                return try body(Trial(in: directory, of: perimeter), perimeter)
            }
        }

        @Test("is decided once, and whoever comes later hears how", arguments: [Trial.Decision.confirmed, .undone])
        func once(decision: Trial.Decision) throws {
            try Self.inDirectory { trial, perimeter in
                let declared = try Examples.declaration()
                let nothing = try trial.decide(.confirmed)
                #expect(nothing == nil && !trial.isPending)
                try trial.begin()
                try perimeter.apply(declared)
                #expect(trial.isPending)
                for _ in 0..<2 {
                    let decided = try trial.decide(decision)
                    #expect(decided == decision && !trial.isPending)
                }
                let other = try trial.decide(decision == .confirmed ? .undone : .confirmed)
                #expect(other == decision)
                #expect(try perimeter.plan(declared).isEmpty == (decision == .confirmed))
            }
        }

        @Test("can't begin while another is undecided, and what that keeps is not lost")
        func oneAtATime() throws {
            try Self.inDirectory { trial, perimeter in
                let declared = try Examples.declaration()
                try trial.begin()
                try perimeter.apply(declared)
                let error = #expect(throws: NFTablesError.self) { try trial.begin() }
                #expect(error?.kind == .pending)
                _ = try trial.decide(.undone)
                #expect(try perimeter.ingress(declared) == KernelTable.everything)
            }
        }

        @Test("brings back what nobody understood, too, as it was")
        func another() throws {
            try Self.inDirectory { trial, perimeter in
                let declared = try Examples.declaration()
                try perimeter.apply(declared)
                try perimeter.nft(
                    """
                    add set inet sallyport office { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 10.0.0.1 }; }
                    add chain inet sallyport more
                    add rule inet sallyport more ip saddr @office counter accept
                    add rule inet sallyport input iifname "eth1" tcp dport { 80, 443 } ct count over 5 reject
                    add rule inet sallyport input udp dport 99 limit rate 5/minute jump more
                    add chain inet sallyport early { type filter hook prerouting priority raw; policy accept; }
                    """)
                let before = try NFTables.run("list table inet sallyport", "test")
                try trial.begin()
                try perimeter.apply(declared)
                #expect(try perimeter.plan(declared) == [])
                _ = try trial.decide(.undone)
                let after = try NFTables.run("list table inet sallyport", "test")
                #expect(try Self.withoutHandles(after) == Self.withoutHandles(before))
            }
        }

        private static func withoutHandles(_ json: String) throws -> Set<JSONValue> {
            func stripped(_ value: JSONValue) -> JSONValue {
                switch value {
                case .object(let object): .object(object.filter { $0.key != "handle" }.mapValues(stripped))
                case .array(let array): .array(array.map(stripped))
                case .null, .bool, .number, .fraction, .string: value
                }
            }
            return Set(try JSONValue(text: json)["nftables"]?.array?.map(stripped) ?? [])
        }

        @Test("a file that can't be read is said to be so, and nothing is changed")
        func unreadable() throws {
            try Self.inDirectory { trial, perimeter in
                try trial.begin()
                try Data("{".utf8).write(to: URL(fileURLWithPath: trial.path))
                let error = #expect(throws: NFTablesError.self) { try trial.decide(.undone) }
                #expect(error?.kind == .file)
                #expect(trial.isPending)
            }
        }
    }
}
