import Foundation
import TestSupport
import Testing

extension Integration {
    /// `sallyport perimeter admin-ip` against moto, with a service on loopback that says the address.
    @Suite("The address of an operator", .needs(.moto), .timeLimit(.minutes(5)))
    struct PerimeterAdminTests {
        /// The incident after it was mended.
        private static func mended() async throws -> PerimeterScene {
            let scene = try await PerimeterScene()
            try scene.run("apply", "--yes", exits: 0)
            return scene
        }

        private static func everywhere(_ scene: PerimeterScene, _ addresses: Set<String>) throws {
            for group in ["prod-sg-api", "prod-sg-freeswitch"] {
                #expect(try scene.ssh(group) == addresses, "\(group)")
            }
        }

        @Test("an address that has changed is found out, let in, and takes the place of the old one, in the file, too")
        func changes() async throws {
            let scene = try await Self.mended()
            let service = try await AddressService(.echo)
            let before = try scene.file
            let shown = try scene.run("admin-ip", "--service", service.url, "--dry-run", exits: 2)
            #expect(shown.contains("2 to add, 2 to remove"), "\(shown)")
            #expect(try scene.file == before)
            try Self.everywhere(scene, [PerimeterScene.office])

            let refused = try scene.run("admin-ip", "--service", service.url, input: "n\n")
            #expect(refused.code == 1 && refused.errors.contains("nothing was changed"))
            #expect(try scene.file == before)

            let outcome = try scene.run("admin-ip", "--service", service.url, "--yes")
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.errors.contains("admin: \(PerimeterScene.office) -> 127.0.0.1/32"))
            try Self.everywhere(scene, ["127.0.0.1/32"])
            #expect(
                try scene.file == before.replacingOccurrences(of: "[\(PerimeterScene.office)]", with: "[127.0.0.1/32]"))
            #expect(try scene.file.contains("never_cut_off: [127.0.0.1/32] # the office, always"))
            try scene.finds([])
            // A second time there is nothing to do.
            let again = try scene.run("admin-ip", "--service", service.url, "--yes")
            #expect(again.code == 0 && again.output == "Nothing to change.\n" && again.errors.contains("as declared"))

            // What was done can be undone, and the file be put back by hand.
            let rollbacks = try scene.rollbacks()
            try scene.program.write("perimeter.yaml", before)
            try scene.run("apply", "--rollback", try #require(rollbacks.last), "--yes", exits: 0)
            try Self.everywhere(scene, [PerimeterScene.office])
            try await service.stop()
        }

        @Test("addresses of both families stand beside each other, and each takes the place of its like")
        func bothFamilies() async throws {
            let scene = try await Self.mended()
            let v4 = try await AddressService(.says("198.51.100.1\n"))
            let v6 = try await AddressService(.says("2001:db8::7"))
            try scene.run("admin-ip", "--service", v4.url, "--service", v6.url, "--yes", exits: 0)
            try Self.everywhere(scene, ["198.51.100.1/32", "2001:db8::7/128"])
            #expect(
                try scene.file.contains("admin: [198.51.100.1/32, \"2001:db8::7/128\"]")
                    || scene.file.contains("admin: [198.51.100.1/32, 2001:db8::7/128]"))
            try scene.run("admin-ip", "--ip", "2001:db8::8", "--yes", exits: 0)
            try Self.everywhere(scene, ["198.51.100.1/32", "2001:db8::8/128"])
            try scene.finds([])
            try await v4.stop()
            try await v6.stop()
        }

        @Test("the service is asked over IPv6, too")
        func overIPv6() async throws {
            let scene = try await Self.mended()
            let service = try await AddressService(.echo, host: "::1")
            try scene.run("admin-ip", "--service", service.url, "--yes", exits: 0)
            try Self.everywhere(scene, [PerimeterScene.office, "::1/128"])
            try await service.stop()
        }

        @Test("of several operators one moves, and the others stay")
        func several() async throws {
            let scene = try await Self.mended()
            try scene.run("admin-ip", "--ip", "198.51.100.1", "--adds", "--yes", exits: 0)
            try Self.everywhere(scene, [PerimeterScene.office, "198.51.100.1/32"])
            let which = try scene.run("admin-ip", "--ip", "198.51.100.2", "--yes")
            #expect(which.code == 1 && which.errors.contains("say which of them 198.51.100.2/32 takes the place of"))
            let nobody = try scene.run("admin-ip", "--ip", "198.51.100.2", "--replaces", "192.0.2.1", "--yes")
            #expect(nobody.code == 1 && nobody.errors.contains("--replaces 192.0.2.1/32 is not in 'admin'"))
            try Self.everywhere(scene, [PerimeterScene.office, "198.51.100.1/32"])
            try scene.run("admin-ip", "--ip", "198.51.100.2", "--replaces", "198.51.100.1", "--yes", exits: 0)
            try Self.everywhere(scene, [PerimeterScene.office, "198.51.100.2/32"])
            #expect(try scene.file.contains("admin: [\(PerimeterScene.office), 198.51.100.2/32]"))
            // Each has its own way back, also those of one second.
            #expect(try scene.rollbacks().count == 3)
            try scene.finds([])
        }

        @Test(
            "a service that tells no address changes nothing, and says what to do",
            arguments: [
                (AddressService.Manner.says("<html>hello"), "answers with '<html>hello', which is no address"),
                (.says(""), "which is no address"), (.says("203.0.113.9 203.0.113.10"), "which is no address"),
                (.says(String(repeating: "x", count: 100_000)), "does not tell the address"),
                (.status(503), "it answered 503"), (.mute, "does not tell the address"),
            ])
        func nonsense(manner: AddressService.Manner, words: String) async throws {
            let scene = try await PerimeterScene()
            let before = try scene.file
            let service = try await AddressService(manner)
            let outcome = try scene.run("admin-ip", "--service", service.url, "--yes")
            #expect(outcome.code == 1 && outcome.errors.contains(words), "\(outcome)")
            #expect(outcome.errors.contains("say it with --ip, or ask another with --service"), "\(outcome)")
            #expect(try scene.file == before && scene.rollbacks() == [])
            try await service.stop()
        }

        @Test("a service that is not there changes nothing")
        func absent() async throws {
            let scene = try await PerimeterScene()
            let outcome = try scene.run(
                "admin-ip", "--service", "http://127.0.0.1:\(try FreePort.next())/", "--yes")
            #expect(outcome.code == 1 && outcome.errors.contains("does not tell the address"), "\(outcome)")
        }
    }
}
