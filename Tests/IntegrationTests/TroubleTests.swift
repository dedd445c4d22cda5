import CoreTypes
import Foundation
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Trouble under a running edge", .timeLimit(.minutes(1)))
    struct TroubleTests {
        @Test(
            "a registry that breaks is told, calls go on with what is known, and its return is told too",
            arguments: [nil, "this is no database\n"])
        func registry(replacement: String?) async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener], "routes:\n  - {name: far, match: {}, to: \"sip:far@\(phone.endpoints[0])\"}")
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "trunk", "--group", "2")
            try await edge.start()
            #expect(try await edge.get("/readyz").hasPrefix("HTTP/1.1 200"))

            let (file, aside) = (edge.program.path("var/sallyport.db"), edge.program.path("aside.db"))
            try FileManager.default.moveItem(atPath: file, toPath: aside)
            if let replacement { try edge.program.write("var/sallyport.db", replacement) }
            let degraded = try await edge.witnesses(.degraded)
            #expect(degraded.text("component") == "registry")
            #expect(degraded.text("reason")?.contains("sallyport.db") == true)
            let notReady = try await edge.get("/readyz")
            #expect(notReady.hasPrefix("HTTP/1.1 503") && notReady.contains("the registry can't be read"))
            #expect(try await Calls.place(to: listener.endpoint, as: nil).isAnswered)

            if replacement != nil { try FileManager.default.removeItem(atPath: file) }
            try FileManager.default.moveItem(atPath: aside, toPath: file)
            _ = try await edge.witnesses(.recovered)
            #expect(try await edge.get("/readyz").hasPrefix("HTTP/1.1 200"))
            #expect(try await Calls.place(to: listener.endpoint, as: nil).isAnswered)
            #expect(try await edge.stop() == 0)
            await phone.shutdown()
        }
    }
}
