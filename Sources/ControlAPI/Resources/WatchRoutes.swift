internal import Hummingbird

/// | path | answer |
/// |---|---|
/// | `/metrics` | Prometheus' text format 0.0.4 |
/// | `/healthz` | 200 while the process answers at all: restart it when not |
/// | `/readyz` | 200, or 503 with the reasons why no calls should be sent here |
struct WatchRoutes {
    let metrics: @Sendable () async -> String
    let readiness: @Sendable () async -> [String]

    func add(to table: inout RouteTable) {
        table.add(.get, "/metrics") { [metrics] _, _ in
            Response.text(await metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        table.add(.get, "/healthz") { _, _ in try Response.json(Health(status: "alive")) }
        table.add(.get, "/readyz") { [readiness] _, _ in
            let reasons = await readiness()
            return try Response.json(
                Readiness(status: reasons.isEmpty ? "ready" : "not ready", reasons: reasons),
                status: reasons.isEmpty ? .ok : .serviceUnavailable)
        }
    }

    private struct Health: Encodable {
        let status: String
    }

    private struct Readiness: Encodable {
        let status: String
        let reasons: [String]
    }
}
