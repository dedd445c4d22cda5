import CoreTypes
import Foundation
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    /// PRODUCT 1.2, layer 7, and 12: what a full, a slow and a broken disk under the witness do to calls.
    @Suite("The witness's disk", .timeLimit(.minutes(3)))
    struct WitnessDiskTests {
        private struct Stage {
            let listener: EdgeUnderTest.Listener
            let phone: AnsweringPhone
            let edge: EdgeUnderTest

            init(_ witness: String, directory: String? = nil) async throws {
                listener = try EdgeUnderTest.Listener(.udp, "trunks")
                phone = try await Calls.answeringPhone()
                edge = try EdgeUnderTest(
                    [listener],
                    """
                    routes:
                      - {name: far, match: {}, to: "sip:far@\(phone.endpoints[0])"}
                    witness: {\(witness)\(directory.map { ", directory: \"\($0)\"" } ?? "")}
                    """, witness: directory)
                try edge.command("allow", "add", "127.0.0.0/8", "--tag", "trunk", "--group", "2")
            }

            func call() async throws -> CallReport { try await Calls.place(to: listener.endpoint, as: nil) }

            func isReady() async throws -> Bool { try await edge.get("/readyz").hasPrefix("HTTP/1.1 200") }

            /// What a call that was refused by the witness looks like.
            func expectRefused(_ report: CallReport) {
                #expect(report.final?.status == 503)
                #expect(report.final?.header("Retry-After") == "5")
            }

            /// Both stand in the log once it can be written again, and the log is whole.
            func expectTold() async throws -> WitnessRecord {
                _ = try await edge.witnesses(.degraded) { $0.text("component") == "witness" }
                let recovered = try await edge.witnesses(.recovered) { $0.text("component") == "witness" }
                #expect(try edge.verify().defect == nil)
                return recovered
            }

            func end() async throws {
                #expect(try await edge.stop() == 0)
                #expect(try edge.verify().defect == nil)
                await phone.shutdown()
            }
        }

        @Test(
            "full: calls are refused with 503 and Retry-After, or go on; then all is as before",
            .enabled(if: SmallDisk.isPossible, "no tmpfs can be mounted here: it takes root"),
            arguments: ["refuse", "degrade"])
        func full(onFailure: String) async throws {
            let disk = try SmallDisk(kibibytes: 256)
            let stage = try await Stage("on_failure: \(onFailure)", directory: disk.path + "/log")
            try await stage.edge.start()
            #expect(try await stage.call().isAnswered)
            try disk.fill()
            // What is left of the last page still takes a record or two.
            var refusals = 0
            for _ in 0..<20 {
                let report = try await stage.call()
                if onFailure == "degrade" {
                    #expect(report.isAnswered)
                } else if !report.isAnswered {
                    stage.expectRefused(report)
                    refusals += 1
                }
            }
            #expect(refusals > 10 || onFailure == "degrade")
            #expect(try await stage.edge.metric("witness_failures_total") > 0)
            #expect(try await !stage.isReady())
            try disk.makeRoom()
            try await eventually("calls pass again") { try await stage.call().isAnswered }
            let recovered = try await stage.expectTold()
            #expect((recovered.number("records_lost") ?? 0) > 0)
            #expect(try await stage.isReady())
            try await stage.end()
        }

        @Test(
            "writes or syncs that fail: as on_failure says, then all is as before",
            .enabled(if: Preload.compiler != nil, "there is no C compiler for the fault-injecting layer"),
            arguments: ["refuse", "degrade"], [true, false])
        func failing(onFailure: String, isSync: Bool) async throws {
            let stage = try await Stage("on_failure: \(onFailure)")
            let disk = try FaultyDisk(in: stage.edge.program.directory)
            try await stage.edge.start(environment: disk.environment)
            #expect(try await stage.call().isAnswered)
            try disk.set(isSync ? .syncFails : .full)
            for _ in 0..<5 {
                let report = try await stage.call()
                if onFailure == "refuse" { stage.expectRefused(report) } else { #expect(report.isAnswered) }
            }
            #expect(try await !stage.isReady())
            try disk.set(.none)
            try await eventually("calls pass again") { try await stage.call().isAnswered }
            _ = try await stage.expectTold()
            #expect(try await stage.isReady())
            try await stage.end()
        }

        @Test(
            "slow: calls wait and pass; slower than witness.wait: as on_failure says",
            .enabled(if: Preload.compiler != nil, "there is no C compiler for the fault-injecting layer"),
            arguments: ["refuse", "degrade"])
        func slow(onFailure: String) async throws {
            let stage = try await Stage("on_failure: \(onFailure), wait: 1s")
            let disk = try FaultyDisk(in: stage.edge.program.directory)
            try await stage.edge.start(environment: disk.environment)
            #expect(try await stage.call().isAnswered)
            try disk.set(.slow(milliseconds: 300))
            let patient = try await stage.call()
            #expect(patient.isAnswered)
            try disk.set(.slow(milliseconds: 6000))
            let report = try await stage.call()
            if onFailure == "refuse" { stage.expectRefused(report) } else { #expect(report.isAnswered) }
            #expect(try await !stage.isReady())
            try disk.set(.none)
            try await eventually("calls pass again") { try await stage.call().isAnswered }
            _ = try await stage.expectTold()
            if onFailure == "refuse" {
                // The admission came to the disk late; behind it stands that it was not carried out.
                let withdrawn = try await stage.edge.witnesses(.securityRejected) {
                    $0.text("reason") == "witness_too_slow"
                }
                let admitted = try stage.edge.records().first {
                    $0.admits && $0.text("call_id") == withdrawn.text("call_id")
                }
                #expect((admitted?.sequence ?? .max) < withdrawn.sequence)
            }
            try await stage.end()
        }
    }
}
