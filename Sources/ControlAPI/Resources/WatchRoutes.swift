internal import Hummingbird

/// What watches the edge from this machine: nobody needs a key for it there.
struct WatchRoutes {
    let metrics: @Sendable () async -> String
    let readiness: @Sendable () async -> [String]

    func add(to table: inout RouteTable) {
        table.add(Self.measures) { [metrics] _ in
            Response.text(await metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        table.add(Self.health) { _ in try Response.json(Health(status: "alive")) }
        table.add(Self.readinessCheck) { [readiness] _ in
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

    private static let measures = Operation(
        method: .get, path: "/metrics", id: "getMetrics", summary: "Prometheus' text format 0.0.4.", group: "watch",
        access: .local, answers: [.text("text/plain", "The metrics.")])

    private static let health = Operation(
        method: .get, path: "/healthz", id: "getHealth",
        summary: "Answers while the process does: restart it when not.",
        group: "watch", access: .open, answers: [.json(.object([.needed("status", .string())]), "It is alive.")])

    private static let readinessSchema = Schema.object([
        .needed("status", .choice(["ready", "not ready"])), .needed("reasons", .array(.string())),
    ])

    private static let readinessCheck = Operation(
        method: .get, path: "/readyz", id: "getReadiness", summary: "Whether calls should be sent here.",
        group: "watch", access: .local,
        answers: [
            .json(readinessSchema, "They should."), .json(readinessSchema, "They should not, and why.", status: 503),
        ])
}
