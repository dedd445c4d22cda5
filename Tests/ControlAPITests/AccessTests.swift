import CoreTypes
import Foundation
import Registry
import SallyportConfiguration
import Testing
import Witness

/// Who gets in, and how often.
@Suite("Access to the control API", .timeLimit(.minutes(1)))
struct AccessTests {
    @Test("a key opens what its role may do, and says what it may not")
    func roles() async throws {
        let surface = try Surface()
        let keys = try APIRole.allCases.map { role in (role, try surface.registry.createKey(role.rawValue, role: role))
        }
        try await surface.serving { address in
            for (role, key) in keys {
                let field = ["X-API-Key: \(key)"]
                #expect(try await Answer(to: "GET /v1/calls", field, from: address).status == 200)
                let end = try await Answer(to: "POST /v1/calls/call4/end", field, from: address)
                #expect(end.status == (role >= .operator ? 200 : 403))
                let list = try await Answer(to: "GET /v1/keys", field, from: address)
                #expect(list.status == (role == .admin ? 200 : 403))
                if role < .admin {
                    #expect(
                        list.json?["detail"] as? String == "This needs the role admin; this key has \(role.rawValue).")
                }
                let bearer = try await Answer(to: "GET /v1/session", ["Authorization: Bearer \(key)"], from: address)
                #expect(bearer.json?["role"] as? String == role.rawValue)
            }
        }
    }

    @Test(
        "no key, a wrong one and what is no key are 401, with what to do",
        arguments: [[], ["X-API-Key: sp_00000000_"], ["Authorization: Basic YTpi"]])
    func unauthorized(fields: [String]) async throws {
        try await Surface().serving { address in
            let answer = try await Answer(to: "GET /v1/status", fields, from: address)
            #expect(answer.status == 401)
            #expect(answer["www-authenticate"]?.hasPrefix("Bearer") == true)
            #expect(answer["content-type"] == "application/problem+json")
        }
    }

    @Test("a revoked key is refused at once, and so is its session")
    func revoked() async throws {
        let surface = try Surface()
        let key = try surface.registry.createKey("mine", role: .admin)
        try await surface.serving { address in
            let signIn = try await Answer(to: "POST /v1/session", body: "{\"key\":\"\(key)\"}", from: address)
            #expect(signIn.status == 200 && signIn.json?["name"] as? String == "mine")
            let cookie = try #require(signIn["set-cookie"])
            #expect(cookie.contains("; HttpOnly; SameSite=Strict"))
            let session = ["Cookie: \(cookie.prefix { $0 != ";" })"]
            #expect(try await Answer(to: "GET /v1/session", session, from: address).status == 200)
            let foreign = session + ["Sec-Fetch-Site: cross-site"]
            #expect(try await Answer(to: "POST /v1/calls/call4/end", foreign, from: address).status == 403)
            #expect(try await Answer(to: "POST /v1/calls/call4/end", session, from: address).status == 200)
            try surface.registry.revokeKey("mine")
            #expect(try await Answer(to: "GET /v1/session", session, from: address).status == 401)
            #expect(try await Answer(to: "GET /v1/session", ["X-API-Key: \(key)"], from: address).status == 401)
        }
    }

    @Test("after signing out the cookie opens nothing")
    func signedOut() async throws {
        let surface = try Surface()
        let key = try surface.registry.createKey("mine", role: .viewer)
        try await surface.serving { address in
            let signIn = try await Answer(to: "POST /v1/session", body: "{\"key\":\"\(key)\"}", from: address)
            let session = ["Cookie: \(try #require(signIn["set-cookie"]).prefix { $0 != ";" })"]
            let signOut = try await Answer(to: "DELETE /v1/session", session, from: address)
            #expect(signOut.status == 204 && signOut["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(try await Answer(to: "GET /v1/session", session, from: address).status == 401)
        }
    }

    @Test("wrong keys are in the witness, counted, by where they come from")
    func failures() async throws {
        let surface = try Surface()
        try await surface.serving { address in
            for _ in 0..<8 {
                let fields = ["X-API-Key: wrong", "X-Forwarded-For: 198.51.100.9, 192.0.2.66"]
                let answer = try await Answer(to: "GET /v1/status", fields, from: address)
                #expect(answer.status == 401)
            }
        }
        surface.log.close()
        var query = try WitnessQuery(directory: surface.directory + "/witness")
        var counts: [Int] = []
        while let record = try query.next() {
            guard record.kind == "AUTH_FAILED" else { continue }
            #expect(record.sourceIP == "192.0.2.66" && record[detail: "reason"] == .string("api_key"))
            if case .integer(let count)? = record[detail: "count"] { counts.append(count) } else { counts.append(1) }
        }
        #expect(counts == [1, 1, 1, 1, 1, 3])
    }

    @Test("each key and each address has its limit, and is told what is left")
    func limits() async throws {
        let surface = try Surface {
            $0.control.keyRate = .init(requests: 3, per: .seconds(3600))
            $0.control.rate = .init(requests: 1, per: .seconds(3600), burst: 4)
        }
        let (first, second) = (
            try surface.registry.createKey("first", role: .viewer),
            try surface.registry.createKey("second", role: .viewer)
        )
        try await surface.serving { address in
            func ask(_ key: String, from source: String) async throws -> Answer {
                try await Answer(
                    to: "GET /v1/session", ["X-API-Key: \(key)", "X-Forwarded-For: \(source)"], from: address)
            }
            for left in [2, 1, 0] {
                let answer = try await ask(first, from: "192.0.2.1")
                #expect(answer.status == 200)
                #expect(answer["ratelimit"]?.contains("\"key\";r=\(left);t=") == true)
                #expect(answer["ratelimit-policy"] == "\"address\";q=5;w=18000, \"key\";q=3;w=3600")
            }
            let over = try await ask(first, from: "192.0.2.2")
            #expect(over.status == 429)
            #expect((1...1200).contains(over["retry-after"].flatMap { Int($0) } ?? 0))
            // Two more of the first address, then no more, whosever key it is.
            #expect(try await ask(second, from: "192.0.2.1").status == 200)
            #expect(try await ask(second, from: "192.0.2.1").status == 200)
            #expect(try await ask(second, from: "192.0.2.1").status == 429)
            #expect(try await ask(second, from: "192.0.2.3").status == 200)
        }
    }

    @Test("of IPv6 the addresses of a /64 share their limit")
    func limitOfNetwork() async throws {
        let surface = try Surface { $0.control.rate = .init(requests: 1, per: .seconds(3600), burst: 2) }
        let key = try surface.registry.createKey("viewer", role: .viewer)
        try await surface.serving { address in
            for (source, status) in [
                ("2001:db8::1", 200), ("2001:db8::2", 200), ("2001:db8:0:0:ffff::3", 200), ("2001:db8::4", 429),
                ("2001:db8:0:1::1", 200),
            ] {
                let answer = try await Answer(
                    to: "GET /v1/session", ["X-API-Key: \(key)", "X-Forwarded-For: \(source)"], from: address)
                #expect(answer.status == status, "\(source)")
            }
        }
    }

    @Test("what is watched from this machine needs no key here, and one through a web server")
    func local() async throws {
        let surface = try Surface()
        let key = try surface.registry.createKey("prometheus", role: .viewer)
        try await surface.serving { address in
            for path in ["/metrics", "/readyz"] {
                let inside = try await Answer(to: "GET \(path)", from: address)
                #expect(inside.status == 200)
                let outside = ["X-Forwarded-For: 192.0.2.1"]
                let stranger = try await Answer(to: "GET \(path)", outside, from: address)
                #expect(stranger.status == 401)
                let viewer = try await Answer(to: "GET \(path)", outside + ["X-API-Key: \(key)"], from: address)
                #expect(viewer.status == 200)
            }
            #expect(try await Answer(to: "GET /healthz", ["X-Forwarded-For: 192.0.2.1"], from: address).status == 200)
        }
    }
}
