import ControlAPI
import CoreTypes
import Foundation
import Registry
import SallyportConfiguration
import TestSupport
import Testing
import Witness

@Suite("Countries of sources", .timeLimit(.minutes(1)))
struct CountryTests {
    private static let list = """
        # Both forms, quotes or none, more behind them
        192.0.2.0/25,NL
        "198.51.100.7","198.51.100.9","de","AS64500"\r
        2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,JP

        2001:db8:8000::/33,FR
        """

    @Test("each source has the country of the range that it is in")
    func sources() async throws {
        let expected: [String: String?] = [
            "192.0.2.0": "NL", "192.0.2.127": "NL", "192.0.2.128": nil, "198.51.100.6": nil, "198.51.100.7": "DE",
            "198.51.100.9": "DE", "198.51.100.10": nil, "2001:db8::1": "JP",
            "2001:db8:0:ffff:ffff:ffff:ffff:ffff": "JP",
            "2001:db8:1::": nil, "2001:db8:8000::": "FR", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff": "FR",
            "2001:db9::": nil,
        ]
        let path = NSTemporaryDirectory() + "countries-\(UUID().uuidString).csv"
        try Self.list.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let surface = try Surface { $0.control.countries = path }
        let key = try surface.registry.createKey("viewer", role: .viewer)
        for address in expected.keys {
            surface.log.append(
                SecurityEvent(.ipNotAllowlisted, .warning, sourceIP: IPAddress(address)), at: SystemClock.now().wall)
        }
        try await surface.serving { control in
            var found: [String: String?] = [:]
            try await eventually("all have been seen, with their countries") {
                let answer = try await Answer(to: "GET /v1/sources", ["X-API-Key: \(key)"], from: control)
                let sources = answer.json?["sources"] as? [[String: Any]] ?? []
                found = Dictionary(
                    sources.map { ($0["address"] as? String ?? "", $0["country"] as? String) }
                ) { first, _ in first }
                return found.count == expected.count && found.values.contains("NL")
            }
            #expect(found == expected)
        }
    }

    @Test(
        "a file that is no good is refused with its line",
        arguments: [
            ("192.0.2.0/24", "line 1: '' is no country's two letters"),
            ("\n192.0.2.0/24,Netherlands", "line 2: 'Netherlands' is no country's two letters"),
            ("192.0.2.1/24,NL", "line 1: '192.0.2.1/24' has bits set beyond its prefix"),
            ("192.0.2.9,192.0.2.1,NL", "line 1: 192.0.2.9 is behind 192.0.2.1"),
            ("192.0.2.9,::1,NL", "line 1: two kinds of address"),
            ("192.0.2.0/24,NL\n192.0.2.0/25,DE", "192.0.2.0 is in two ranges, of NL and DE"),
        ])
    func badFile(text: String, complaint: String) throws {
        let path = NSTemporaryDirectory() + "countries-\(UUID().uuidString).csv"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = Configuration()
        configuration.control.countries = path
        let error = #expect(throws: ControlError.self) { try ControlSurface.checkCountries(configuration) }
        #expect(
            error?.description.contains("control.countries: \(path) can't be used: \(complaint)") == true,
            "\(error as Any)")
    }

    @Test("no file, no countries", arguments: [nil, "nowhere.csv"])
    func noFile(path: String?) throws {
        var configuration = Configuration()
        configuration.control.countries = path
        if path == nil {
            #expect(try ControlSurface.checkCountries(configuration) == nil)
        } else {
            #expect(throws: ControlError.self) { try ControlSurface.checkCountries(configuration) }
        }
    }
}
