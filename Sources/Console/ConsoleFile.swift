/// The files of the console's page, as they are served: a part of the program, so that it works wherever that is.
public struct ConsoleFile: Sendable {
    /// As it stands in a path.
    public let name: String
    public let bytes: [UInt8]

    /// All of them; `index.html` is the page itself.
    public static let all = [
        ConsoleFile(name: "access.js", bytes: PackageResources.access_js),
        ConsoleFile(name: "api.js", bytes: PackageResources.api_js),
        ConsoleFile(name: "app.js", bytes: PackageResources.app_js),
        ConsoleFile(name: "base.css", bytes: PackageResources.base_css),
        ConsoleFile(name: "calls.js", bytes: PackageResources.calls_js),
        ConsoleFile(name: "certificates.js", bytes: PackageResources.certificates_js),
        ConsoleFile(name: "chart.js", bytes: PackageResources.chart_js),
        ConsoleFile(name: "dom.js", bytes: PackageResources.dom_js),
        ConsoleFile(name: "format.js", bytes: PackageResources.format_js),
        ConsoleFile(name: "forms.js", bytes: PackageResources.forms_js),
        ConsoleFile(name: "health.js", bytes: PackageResources.health_js),
        ConsoleFile(name: "icon.svg", bytes: PackageResources.icon_svg),
        ConsoleFile(name: "index.html", bytes: PackageResources.index_html),
        ConsoleFile(name: "networks.js", bytes: PackageResources.networks_js),
        ConsoleFile(name: "now.js", bytes: PackageResources.now_js),
        ConsoleFile(name: "parts.css", bytes: PackageResources.parts_css),
        ConsoleFile(name: "people.js", bytes: PackageResources.people_js),
        ConsoleFile(name: "records.js", bytes: PackageResources.records_js),
        ConsoleFile(name: "stream.js", bytes: PackageResources.stream_js),
        ConsoleFile(name: "trial.js", bytes: PackageResources.trial_js),
        ConsoleFile(name: "witness.js", bytes: PackageResources.witness_js),
    ]

    public var mediaType: String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }
}
