import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Monitoring", .timeLimit(.minutes(3)))
    struct MonitoringTests {
        @Test("each alert fires when it should, and not before", .needs(.promtool), arguments: ["check", "test"])
        func rules(verb: String) throws {
            let file = verb == "check" ? "sallyport.rules.yaml" : "sallyport.rules.test.yaml"
            let outcome = try Child.run(
                try PeerProgram.promtool.require(), [verb, "rules", file], in: Deployment.path("prometheus"))
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        }

        @Test("the example is a configuration of Prometheus", .needs(.promtool))
        func example() throws {
            let outcome = try Child.run(
                try PeerProgram.promtool.require(), ["check", "config", "prometheus.yaml"],
                in: Deployment.path("prometheus"))
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        }

        @Test("each alert has tests, a severity, says what it means and what to do, and stands in the documentation")
        func alerts() throws {
            let rules = try Deployment.text("prometheus/sallyport.rules.yaml")
            let tests = try Deployment.text("prometheus/sallyport.rules.test.yaml")
            let documentation = try String(
                contentsOfFile: PeerProgram.repository + "/docs/monitoring.md", encoding: .utf8)
            let alerts = rules.components(separatedBy: "- alert: ").dropFirst()
            #expect(alerts.count > 20)
            for alert in alerts {
                let name = String(alert.prefix { !$0.isWhitespace })
                #expect(tests.contains(name) && documentation.contains("`\(name)`"), "\(name)")
                #expect(alert.contains("severity: critical}") || alert.contains("severity: warning}"), "\(name)")
                for annotation in ["summary:", "description:", "action:"] {
                    #expect(alert.contains(annotation), "\(name) \(annotation)")
                }
            }
        }

        @Test("the dashboard has its rows, no two panels in one place, and a data source that can be chosen")
        func dashboard() throws {
            let dashboard = try Dashboard()
            #expect(dashboard.schemaVersion >= 36)
            let rows = [
                "Now", "Calls", "Refusals by layer", "Response codes", "Latency", "Connections and TLS", "Witness",
                "Registry", "Pools", "Overload", "Process",
            ]
            #expect(dashboard.rows == rows)
            #expect(dashboard.sources == ["${datasource}"])
            #expect(Set(dashboard.identifiers).count == dashboard.places.count)
            for (index, one) in dashboard.places.enumerated() {
                #expect(one.columns.upperBound <= 24, "\(one.panel)")
                for other in dashboard.places[..<index]
                where one.columns.overlaps(other.columns) && one.rows.overlaps(other.rows) {
                    Issue.record("\(one.panel) covers \(other.panel)")
                }
            }
        }

        /// Queries that have nothing to show here, and why.
        private static let excused = [
            #"ALERTS{alertname=~"Sallyport.*",alertstate="firing"}"#:
                "no alert fires within a short run; that they do is tested with the rules"
        ]

        @Test(
            "a Prometheus that watches an edge under a mixed load has data for every query of the dashboard and the rules",
            .needs(.prometheus, .curl, .python, .openssl))
        func data() async throws {
            let scene = try await MonitoredEdge()
            let prometheus = try await Prometheus(watching: scene.edge.control)
            try await scene.edge.start()
            let start = "process_start_time_seconds{job=\"sallyport\"}"
            try await eventually("the first start is seen") { try prometheus.query(start).count == 1 }
            #expect(try await scene.edge.stop() == 0)
            try await scene.edge.start()
            try await scene.load(round: 1)
            // What is counted for the first time now is seen to grow in the second round.
            try await eventually("the first round is seen") {
                let admitted = Double(try scene.admittedCalls())
                return try prometheus.query("sip_calls_admitted_total").first?.value == admitted
            }
            try await scene.load(round: 2)

            let queries = try Dashboard().queries.filter { Self.excused[$0.expression] == nil }
            var empty: [String] = []
            do {
                try await eventually("every query of the dashboard has data", within: .seconds(30)) {
                    empty = try queries.filter { try !prometheus.query($0.expression).contains { !$0.value.isNaN } }
                        .map { "\($0.panel): \($0.expression)" }
                    return empty.isEmpty
                }
            } catch { throw Failure("\(error); nothing for:\n\(empty.joined(separator: "\n"))") }

            try await eventually("the rules have been evaluated") {
                try prometheus.rules().allSatisfy { $0.health != "unknown" }
            }
            let rules = try prometheus.rules()
            #expect(rules.count > 20)
            for rule in rules {
                #expect(rule.health == "ok", "\(rule.name): \(rule.error)")
                for selector in Self.selectors(of: rule.expression) {
                    #expect(
                        try !prometheus.query(selector).isEmpty, "\(rule.name) looks at \(selector), which is not there"
                    )
                }
            }
            let shown = try await scene.edge.get("/metrics").matches(of: /# TYPE (\w+)/).map { String($0.output.1) }
            let documentation = try String(
                contentsOfFile: PeerProgram.repository + "/docs/metrics.md", encoding: .utf8)
            let documented = documentation.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { line in
                line.split(separator: "|").first.map { $0.matches(of: /`([a-z_]+)`/).map { String($0.output.1) } } ?? []
            }
            #expect(Set(shown) == Set(documented))

            let admitted = Double(try scene.admittedCalls())
            try await eventually("all calls that were let in are seen") {
                try prometheus.query("sip_calls_admitted_total").first?.value == admitted
            }
            #expect(try prometheus.query("sallyport_ready").first?.value == 1)
            try await prometheus.stop()
            try await scene.end()
        }

        @Test("the metrics that an expression looks at are found in it")
        func selectorsOfExpressions() {
            #expect(
                Self.selectors(
                    of: """
                        increase(a_total[15m] offset 15m) > 10 and sum without (layer) (rate(b_total{layer="x",y!="z"}[5m])) \
                        > 4 * max by (le) (c) or histogram_quantile(0.99, rate(d_bucket[5m])) > 1e3
                        """) == ["a_total", #"b_total{layer="x",y!="z"}"#, "c", "d_bucket"])
        }

        /// The instant vectors that an expression is made from.
        private static func selectors(of expression: String) -> [String] {
            let plain = expression.replacing(/\[[^\]]*\]/, with: "").replacing(
                /\b(without|by|on|ignoring) ?\([^)]*\)/, with: ""
            )
            .replacing(/offset \w+/, with: "").replacing(/\b\d[\w.]*/, with: "")
            let words: Set<Substring> = ["and", "or", "unless", "bool"]
            return plain.matches(of: /([a-zA-Z_:]\w*)(\{[^}]*\})?(?!\w*\s*\()/)
                .filter { !words.contains($0.output.1) && !$0.output.0.hasSuffix("(") }.map { String($0.output.0) }
        }
    }
}
