import CoreTypes
import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite(
        "New rules on trial", .needs(.ip, .nft, .python),
        .enabled(if: NetworkNamespaces.arePossible, "no network namespace can be made: this needs root"),
        .timeLimit(.minutes(2)))
    struct PerimeterTrialTests {
        private static let inForce = "are undone in"

        private static func isSettled(_ host: PerimeterHost) -> Bool {
            !FileManager.default.fileExists(atPath: host.program.path("trial/perimeter-sallyport.pending"))
        }

        @Test("confirmed from another session, they stay")
        func confirmed() async throws {
            let host = try PerimeterHost()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "60s")
            try await apply.prints(Self.inForce)
            #expect(try host.isShut())
            let confirm = try host.perimeter("confirm")
            #expect(confirm.code == 0, "\(confirm)")
            #expect(try await apply.ends() == 0, "\(apply.output)")
            #expect(try host.isShut())
            let second = try host.perimeter("confirm")
            #expect(second.code == 1 && second.errors.contains("nothing to confirm"))
            #expect(try host.perimeter("audit").code == 0)
        }

        @Test("taken back from another session, they go")
        func takenBack() async throws {
            let host = try PerimeterHost()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "60s")
            try await apply.prints(Self.inForce)
            #expect(try host.perimeter("confirm", "--undo").code == 0)
            #expect(try !host.isShut())
            #expect(try await apply.ends() == 1)
        }

        @Test("with nobody's word they are undone in time, the banned stay banned, and it is recorded")
        func unconfirmed() async throws {
            let host = try PerimeterHost()
            try host.makeRegistry()
            try host.apply()
            #expect(host.isRecorded("perimeter-authorize") && !host.isRecorded("perimeter-undo"))
            try host.nft("add", "element", "inet", "sallyport", "banned4", "{ 198.51.100.7 timeout 1h expires 30m }")
            let before = try host.nft("-t", "list", "ruleset")
            try host.change("port: 5060", to: "port: 5070")
            let apply = try host.start(
                "apply", "apply", "--yes", "--confirm-within", "2s", "--rollback-out", "back.json")
            try await apply.prints(Self.inForce)
            #expect(try host.nft("list", "ruleset").contains("dport 5070"))
            #expect(try await apply.ends(within: .seconds(10)) == 1)
            #expect(apply.output.contains("undone: nobody confirmed it in time"), "\(apply.output)")
            #expect(try host.nft("-t", "list", "ruleset") == before)
            let set = try host.nft("list", "set", "inet", "sallyport", "banned4")
            #expect(set.contains("198.51.100.7 timeout 1h expires 29m"), "\(set)")
            #expect(!FileManager.default.fileExists(atPath: host.program.path("back.json")))
            #expect(host.isRecorded("perimeter-undo"))
            let late = try host.perimeter("confirm")
            #expect(late.code == 1)
        }

        @Test("killed hard, whoever applied them takes them along")
        func killed() async throws {
            let host = try PerimeterHost()
            try host.makeRegistry()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "2s")
            try await apply.prints(Self.inForce)
            try await apply.kill()
            #expect(try host.isShut())
            try await eventually("the rules are undone", within: .seconds(10)) { try !host.isShut() }
            try await eventually("it is decided") { Self.isSettled(host) }
            try await eventually("it is said") {
                try String(
                    contentsOfFile: host.program.path("trial/perimeter-sallyport.pending.log"), encoding: .utf8
                ).contains("undone, as nobody has confirmed it")
            }
            try await eventually("it is recorded") { host.isRecorded("perimeter-undo") }
        }

        @Test("killed hard, they can still be confirmed from another session")
        func killedAndConfirmed() async throws {
            let host = try PerimeterHost()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "60s")
            try await apply.prints(Self.inForce)
            try await apply.kill()
            #expect(try host.perimeter("confirm").code == 0)
            #expect(try host.isShut() && Self.isSettled(host))
        }

        @Test("when the terminal goes, or somebody ends it, they go at once", arguments: [SIGHUP, SIGINT, SIGTERM])
        func ended(signal: Int32) async throws {
            let host = try PerimeterHost()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "60s")
            try await apply.prints(Self.inForce)
            apply.send(signal)
            #expect(try await apply.ends(within: .seconds(10)) == 1, "\(apply.output)")
            #expect(try !host.isShut())
        }

        @Test("a word at the terminal decides; the end of input is none", arguments: [("y\n", 0), ("n\n", 1), ("", 1)])
        func answered(input: String, code: Int32) throws {
            let host = try PerimeterHost()
            let outcome = try host.perimeter("apply", "--yes", "--confirm-within", "2s", input: input)
            #expect(outcome.code == code, "\(outcome)")
            #expect(try host.isShut() == (code == 0))
        }

        @Test("while a change waits, nobody can make another")
        func oneAtATime() async throws {
            let host = try PerimeterHost()
            let apply = try host.start("apply", "apply", "--yes", "--confirm-within", "60s")
            try await apply.prints(Self.inForce)
            try host.change("port: 5060", to: "port: 5070")
            let second = try host.perimeter("apply", "--yes")
            #expect(second.code == 1 && second.errors.contains("is not confirmed yet"), "\(second)")
            #expect(try !host.nft("list", "ruleset").contains("5070"))
            #expect(try host.perimeter("confirm").code == 0)
            #expect(try await apply.ends() == 0)
        }

        @Test("no time to confirm is a slip, unless it is meant")
        func noTime() throws {
            let host = try PerimeterHost()
            let outcome = try host.perimeter("apply", "--yes", "--confirm-within", "0s")
            #expect(outcome.code == 64 && outcome.errors.contains("--keep-unconfirmed"), "\(outcome)")
            #expect(try !host.isShut())
        }
    }
}
