import Foundation
import TestSupport

/// The shipped dashboard, as Grafana reads it.
struct Dashboard {
    struct Query {
        /// Where it stands.
        let panel: String
        let expression: String
    }

    struct Place {
        let panel: String
        let columns: Range<Int>
        let rows: Range<Int>
    }

    let queries: [Query]
    let places: [Place]
    let identifiers: [Int]
    let rows: [String]
    let schemaVersion: Int
    /// What panels name as their data source.
    let sources: Set<String>

    init() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Deployment.path("grafana/sallyport.json")))
        guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let panels = object["panels"] as? [[String: Any]]
        else { throw Failure("the dashboard is no JSON object with panels") }
        func title(_ panel: [String: Any]) -> String { panel["title"] as? String ?? "" }
        schemaVersion = object["schemaVersion"] as? Int ?? 0
        identifiers = panels.compactMap { $0["id"] as? Int }
        rows = panels.filter { $0["type"] as? String == "row" }.map(title)
        places = panels.compactMap { panel in
            guard let grid = panel["gridPos"] as? [String: Int], let x = grid["x"], let y = grid["y"],
                let width = grid["w"], let height = grid["h"]
            else { return nil }
            return Place(panel: title(panel), columns: x..<x + width, rows: y..<y + height)
        }
        sources = Set(
            panels.filter { $0["type"] as? String != "row" }
                .map { ($0["datasource"] as? [String: Any])?["uid"] as? String ?? "none: \(title($0))" })
        let shown = panels.flatMap { panel in
            (panel["targets"] as? [[String: Any]] ?? []).map { (title(panel), $0["expr"] as? String ?? "") }
        }
        let annotations = ((object["annotations"] as? [String: Any])?["list"] as? [[String: Any]] ?? []).map {
            ("annotation \($0["name"] as? String ?? "")", $0["expr"] as? String ?? "")
        }
        queries = (shown + annotations).map { Query(panel: $0, expression: Self.filled($1)) }
    }

    /// With the values that Grafana puts in place of variables, in a short time that is looked at.
    private static func filled(_ expression: String) -> String {
        expression.replacing("$__rate_interval", with: "1m").replacing("$__range", with: "5m")
            .replacing("$instance", with: ".*")
    }
}
