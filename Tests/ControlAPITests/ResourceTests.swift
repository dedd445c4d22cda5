import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing
import Witness

/// What can be read and changed.
@Suite("Resources of the control API", .timeLimit(.minutes(1)))
struct ResourceTests {
    /// Asks with an administrator's key.
    private func asking(
        _ surface: Surface, _ body: (_ ask: (String, String?, [String]) async throws -> Answer) async throws -> Void
    ) async throws {
        let key = try surface.registry.createKey("admin", role: .admin)
        try await surface.serving { address in
            try await body { request, sent, fields in
                try await Answer(to: request, ["X-API-Key: \(key)"] + fields, body: sent, from: address)
            }
        }
    }

    @Test("a network is allowed once, retagged by who has seen it, removed; each change is noted with who made it")
    func allowlist() async throws {
        let surface = try Surface()
        try await asking(surface) { ask in
            let network = "{\"cidr\":\"192.0.2.0/24\",\"tag\":\"acme\",\"group\":2}"
            let created = try await ask("POST /v1/allowlist", network, [])
            #expect(created.status == 201 && created["location"] == "/v1/allowlist/1")
            #expect(created.json?["cidr"] as? String == "192.0.2.0/24")
            let again = try await ask("POST /v1/allowlist", network, [])
            #expect(again.status == 200 && again.body == created.body)
            let other = try await ask("POST /v1/allowlist", network.replacing("acme", with: "other"), [])
            #expect(other.status == 409)
            let tag = try #require(created["etag"])
            #expect(try await ask("PUT /v1/allowlist/1", "{\"tag\":\"x\"}", []).status == 428)
            #expect(try await ask("PUT /v1/allowlist/1", "{\"tag\":\"x\"}", ["If-Match: \"0\""]).status == 412)
            let changed = try await ask("PUT /v1/allowlist/1", "{\"tag\":\"x\"}", ["If-Match: \(tag)"])
            #expect(changed.status == 200 && changed["etag"] != tag)
            #expect(try await ask("DELETE /v1/allowlist/1", nil, ["If-Match: \(tag)"]).status == 412)
            #expect(try await ask("DELETE /v1/allowlist/1", nil, []).status == 204)
            #expect(try await ask("DELETE /v1/allowlist/1", nil, []).status == 404)
        }
        let changes = try surface.registry.pendingChanges().filter { $0.action.hasPrefix("allow.") }
        #expect(changes.map(\.action) == ["allow.add", "allow.tag", "allow.remove"])
        #expect(changes.allSatisfy { $0.actor == "key admin" && $0.object == "192.0.2.0/24" })
        #expect(changes[1].before?.contains("acme") == true && changes[1].after?.contains("\"tag\":\"x\"") == true)
    }

    @Test("subscribers: no hash is told, and a password only taken")
    func subscribers() async throws {
        let surface = try Surface()
        try await asking(surface) { ask in
            let body = "{\"aor\":\"anna@External.Advisor\",\"password\":\"secret\"}"
            let created = try await ask("POST /v1/subscribers", body, [])
            #expect(created.status == 201 && created["location"] == "/v1/subscribers/anna%40external%2Eadvisor")
            #expect(created.json?["aor"] as? String == "anna@external.advisor")
            #expect(!created.body.contains("ha1") && !created.body.contains("secret"))
            #expect(try await ask("POST /v1/subscribers", body, []).status == 409)
            let path = "/v1/subscribers/anna%40external.advisor"
            let tag = try #require(created["etag"])
            let off = try await ask("PATCH \(path)", "{\"enabled\":false}", ["If-Match: \(tag)"])
            #expect(off.status == 200 && off.json?["enabled"] as? Bool == false)
            #expect(try await ask("PATCH \(path)", "{\"enabled\":true}", ["If-Match: \(tag)"]).status == 412)
            #expect(try await ask("DELETE \(path)", nil, []).status == 204)
            #expect(try await ask("GET \(path)", nil, []).status == 404)
        }
    }

    @Test("experts and their keys")
    func experts() async throws {
        let surface = try Surface()
        try await asking(surface) { ask in
            let body = """
                {"aor":"expert-safety@external.advisor","name":"S","organization":"O","specializations":["safety"],\
                "contact":"sip:s@192.0.2.1"}
                """
            let created = try await ask("POST /v1/experts", body, [])
            #expect(created.status == 201 && created.json?["verified"] as? Bool == false)
            let path = "/v1/experts/expert-safety@external.advisor"
            let verified = try await ask(
                "PATCH \(path)", "{\"verified\":true}", ["If-Match: \(try #require(created["etag"]))"])
            #expect(verified.json?["verified"] as? Bool == true)
            let key = Data(repeating: 7, count: 32).base64EncodedString()
            let added = try await ask(
                "POST \(path)/keys", "{\"id\":\"k1\",\"public_key\":\"\(key)\",\"not_after\":\"2090-12-31\"}", [])
            #expect(added.status == 201)
            let keys = added.json?["keys"] as? [[String: Any]]
            #expect(keys?.first?["not_after"] as? String == "2090-12-31T23:59:59.999Z")
            #expect(try await ask("DELETE \(path)/keys/k1", nil, []).status == 204)
            #expect(try await ask("DELETE \(path)/keys/k1", nil, []).status == 404)
        }
    }

    @Test("bans: an address that is never banned is refused, another one is banned for a while, and lifted")
    func bans() async throws {
        let surface = try Surface()
        try await asking(surface) { ask in
            #expect(try await ask("POST /v1/bans", "{\"address\":\"127.0.0.9\"}", []).status == 409)
            let banned = try await ask("POST /v1/bans", "{\"address\":\"192.0.2.9\",\"for\":\"10m\"}", [])
            #expect(banned.status == 201 && banned.json?["by"] as? String == "key admin")
            let bans = try await ask("GET /v1/bans", nil, []).json?["bans"] as? [[String: Any]]
            #expect(bans?.map { $0["address"] as? String } == ["192.0.2.9"])
            #expect(try await ask("DELETE /v1/bans/192.0.2.9", nil, []).status == 204)
            #expect(try await ask("DELETE /v1/bans/192.0.2.9", nil, []).status == 404)
        }
    }

    @Test("a key is shown once; what is kept lets nobody in")
    func keys() async throws {
        let surface = try Surface()
        try await asking(surface) { ask in
            let made = try await ask("POST /v1/keys", "{\"name\":\"new\",\"role\":\"viewer\"}", [])
            let key = try #require(made.json?["key"] as? String)
            #expect(made.status == 201 && key.count == 76)
            #expect(try surface.registry.authenticate(key: key)?.name == "new")
            let list = try await ask("GET /v1/keys", nil, [])
            #expect(!list.body.contains(key.suffix(64)) && list.body.contains(key.prefix(11)))
            let database = try Data(contentsOf: URL(fileURLWithPath: surface.directory + "/registry.db"))
            #expect(database.range(of: Data(key.suffix(64).utf8)) == nil)
            #expect(try await ask("POST /v1/keys", "{\"name\":\"new\",\"role\":\"viewer\"}", []).status == 409)
            #expect(try await ask("DELETE /v1/keys/new", nil, []).status == 204)
            #expect(try surface.registry.authenticate(key: key) == nil)
            let late = try await ask(
                "POST /v1/keys", "{\"name\":\"n\",\"role\":\"viewer\",\"expires\":\"2020-01-01\"}", [])
            #expect(late.status == 400)
        }
    }

    @Test("lists come in pages")
    func pages() async throws {
        let surface = try Surface()
        for number in 1...5 {
            try surface.registry.allow(
                .init(network: try IPNetwork(parsing: "192.0.2.\(number)/32"), group: 1, tag: "t"))
        }
        try await asking(surface) { ask in
            var found: [Int] = []
            var next: String? = ""
            while let after = next {
                let query = after.isEmpty ? "" : "&after=\(after)"
                let page = try #require(try await ask("GET /v1/allowlist?limit=2\(query)", nil, []).json)
                found += (page["networks"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? Int }
                next = page["next"] as? String
            }
            #expect(found == [1, 2, 3, 4, 5])
        }
    }

    @Test(
        "what is wrong is named by its field",
        arguments: [
            ("POST /v1/allowlist", "{\"cidr\":\"192.0.2.1/24\",\"tag\":\"\"}", 400, ["cidr", "tag"]),
            ("POST /v1/allowlist", "{}", 400, ["cidr", "tag"]),
            ("POST /v1/allowlist", "{\"cidr\":5,\"tag\":\"a\",\"colour\":1}", 400, ["cidr", "colour"]),
            ("POST /v1/keys", "{\"name\":\"a b\",\"role\":\"king\"}", 400, ["name", "role"]),
            (
                "POST /v1/experts",
                "{\"aor\":\"x\",\"name\":\"n\",\"organization\":\"o\",\"specializations\":[\"ok\",\"a b\"]}", 400,
                ["aor", "specializations[1]"]
            ),
            ("POST /v1/bans", "{\"address\":\"192.0.2.9\",\"for\":\"soon\"}", 400, ["for"]),
            ("POST /v1/bans", "[]", 400, [""]), ("POST /v1/bans", "{", 400, []),
            ("GET /v1/events?type=NOTHING&since=yesterday&limit=0", nil, 400, ["type", "since", "limit"]),
            ("GET /v1/status?verbose=1", nil, 400, ["verbose"]),
        ])
    func invalid(request: String, body: String?, status: Int, fields: [String]) async throws {
        try await asking(try Surface()) { ask in
            let answer = try await ask(request, body, [])
            #expect(answer.status == status)
            let errors = answer.json?["errors"] as? [[String: Any]] ?? []
            #expect(Set(errors.compactMap { $0["field"] as? String }) == Set(fields), "\(answer.body)")
        }
    }

    @Test("a body that is too large or no JSON by name is refused")
    func bodies() async throws {
        try await asking(try Surface()) { ask in
            let large = "{\"address\":\"\(String(repeating: "1", count: 70_000))\"}"
            let tooLarge = try await ask("POST /v1/bans", large, [])
            #expect(tooLarge.status == 413)
            let untyped = try await ask("POST /v1/bans", nil, [])
            #expect(untyped.status == 415)
        }
    }

    @Test("events come newest first, page by page, and by filter")
    func events() async throws {
        let surface = try Surface()
        for number in 1...6 {
            surface.log.append(
                SecurityEvent(
                    number % 2 == 0 ? .authFailed : .ipNotAllowlisted, .warning,
                    sourceIP: IPAddress("192.0.2.\(number)"), traceID: number > 4 ? "t1" : nil),
                at: SystemClock.now().wall)
        }
        surface.log.close()
        try await asking(surface) { ask in
            func sequences(_ query: String) async throws -> ([Int], next: Int?) {
                let page = try #require(try await ask("GET /v1/events?\(query)", nil, []).json)
                let events = page["events"] as? [[String: Any]] ?? []
                return (events.compactMap { $0["seq"] as? Int }, page["next"] as? Int)
            }
            let first = try await sequences("type=AUTH_FAILED&type=IP_NOT_ALLOWLISTED&limit=4")
            #expect(first == ([6, 5, 4, 3], next: 3))
            #expect(try await sequences("type=AUTH_FAILED&type=IP_NOT_ALLOWLISTED&before=3") == ([2, 1], next: nil))
            #expect(try await sequences("source=192.0.2.4/30&type=AUTH_FAILED").0 == [6, 4])
            let story = try #require(try await ask("GET /v1/traces/t1", nil, []).json)
            #expect((story["records"] as? [[String: Any]])?.compactMap { $0["seq"] as? Int } == [5, 6])
            #expect(try await ask("GET /v1/traces/t2", nil, []).status == 404)
            let export = try await ask("GET /v1/witness/export?trace=t1", nil, [])
            #expect(export["content-type"] == "application/x-ndjson" && export.body.contains("\"seq\":6"))
            let verified = try await ask("POST /v1/witness/verify", nil, [])
            #expect(verified.json?["ok"] as? Bool == true)
        }
    }

    @Test("a stream resumes behind the event that the client has seen last, and goes on with what comes")
    func stream() async throws {
        let surface = try Surface()
        func write(_ count: Int) {
            for _ in 0..<count { surface.log.append(SecurityEvent(.authFailed, .warning), at: SystemClock.now().wall) }
        }
        write(3)
        let key = try surface.registry.createKey("viewer", role: .viewer)
        try await surface.serving { address in
            let stream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: Int(address.port)) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await stream.executeThenClose { inbound, outbound in
                let fields = [
                    "GET /v1/events?type=AUTH_FAILED HTTP/1.1", "Host: localhost", "X-API-Key: \(key)",
                    "Accept: text/event-stream", "Last-Event-ID: 1",
                ]
                try await outbound.write(ByteBuffer(string: fields.joined(separator: "\r\n") + "\r\n\r\n"))
                var text = ""
                for try await part in inbound {
                    text += String(buffer: part)
                    if text.contains("id: 3\n"), !text.contains("id: 4\n") { write(1) }
                    if text.contains("id: 4\n") { break }
                }
                #expect(text.contains("200 OK") && text.contains("text/event-stream"))
                #expect(text.contains("id: 2\nevent: record\ndata: {\"timestamp\""))
                #expect(!text.contains("id: 1\n") && !text.contains("event: gap"))
            }
        }
    }

    @Test("refusals are added up by the layer that made them, each record by how many it stands for")
    func history() async throws {
        let surface = try Surface()
        let now = SystemClock.now().wall
        func write(_ kind: SecurityEvent.Kind, _ details: [SecurityEvent.Detail]) {
            surface.log.append(
                SecurityEvent(kind, .warning, sourceIP: IPAddress("192.0.2.9"), details: details), at: now)
        }
        write(.securityEvent, [.init("reason", "plain_transport")])
        write(.securityEvent, [.init("reason", "handshake_failed"), .init("count", 3)])
        write(.securityRejected, [.init("reason", "flood"), .init("count", 5)])
        write(.securityRejected, [.init("reason", "foreign_route")])
        write(.authFailed, [.init("reason", "api_key"), .init("component", "control")])
        write(.policyApproved, [.init("result", "admitted")])
        surface.log.close()
        try await asking(surface) { ask in
            var totals: [String: Int] = [:]
            try await eventually("the log has been read") {
                let points =
                    try await ask("GET /v1/history?minutes=5", nil, []).json?["points"] as? [[String: Any]] ?? []
                totals = points.reduce(into: [:]) { totals, point in
                    totals["calls", default: 0] += point["calls"] as? Int ?? 0
                    totals.merge(point["refusals"] as? [String: Int] ?? [:], uniquingKeysWith: +)
                }
                return totals["calls"] == 1
            }
            #expect(totals.filter { $0.value > 0 } == ["calls": 1, "tls": 4, "ip_allowlist": 5])
            let source = try await ask("GET /v1/sources", nil, []).json?["sources"] as? [[String: Any]]
            #expect(source?.first?["refusals"] as? Int == 9 && source?.first?["admitted"] as? Int == 1)
        }
    }

    @Test("the description names every operation, and what each answers")
    func description() async throws {
        let surface = try Surface()
        try await surface.serving { address in
            let document = try #require(try await Answer(to: "GET /openapi.json", from: address).json)
            #expect(document["openapi"] as? String == "3.1.0")
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            #expect(paths.count > 25)
            for (path, operations) in paths {
                for (method, operation) in operations {
                    let operation = try #require(operation as? [String: Any])
                    #expect(operation["operationId"] is String, "\(method) \(path)")
                    #expect((operation["responses"] as? [String: Any])?.isEmpty == false, "\(method) \(path)")
                }
            }
        }
    }
}
