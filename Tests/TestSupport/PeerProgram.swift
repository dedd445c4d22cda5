import Foundation

/// Somebody else's program that tests talk to. Where it is missing, its tests are skipped and say so.
public struct PeerProgram: Sendable {
    public let name: String
    /// Where it is; nil when it is not installed.
    public let path: String?

    public var isInstalled: Bool { path != nil }
    public var howToGetIt: String { "\(name) is not installed: scripts/install-dependencies test" }

    public static let python = PeerProgram("python3")
    public static let chromium = PeerProgram("chromium")
    public static let sipp = PeerProgram("sipp")
    public static let baresip = PeerProgram("baresip")
    public static let sqlite3 = PeerProgram("sqlite3")
    public static let dnsmasq = PeerProgram("dnsmasq", in: ["/usr/sbin", "/usr/local/sbin", "/usr/bin"])
    public static let rsyslogd = PeerProgram("rsyslogd", in: ["/usr/sbin", "/usr/local/sbin"])
    /// A library of rsyslog's: TLS.
    public static let rsyslogTLS = PeerProgram(
        "lmnsd_gtls.so",
        in: ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog", "/usr/lib/rsyslog"],
        isProgram: false)
    public static let svwar = PeerProgram("sipvicious_svwar", in: [repository + "/.build/venv/bin"])
    public static let svcrack = PeerProgram("sipvicious_svcrack", in: [repository + "/.build/venv/bin"])
    public static let schemathesis = PeerProgram("schemathesis", in: [repository + "/.build/venv/bin"])
    /// A server that behaves like AWS, and what its package brings along: AWS's own client for Python.
    public static let moto = PeerProgram("moto_server", in: [repository + "/.build/venv/bin"])
    /// The interpreter that has these.
    public static let motoPython = PeerProgram("python3", in: [repository + "/.build/venv/bin"])
    public static let terraform = PeerProgram("terraform")
    /// A directory, not a program: the files that Kamailio makes its SQLite tables with.
    public static let kamailioSchema = PeerProgram(
        "db_sqlite", in: ["/usr/share/kamailio", repository + "/.build/kamailio/usr/share/kamailio"])

    public static let kamailio = PeerProgram(
        "kamailio", in: ["/usr/sbin", repository + "/.build/kamailio/usr/sbin"])
    /// A directory: what Kamailio loads.
    public static let kamailioModules = PeerProgram(
        "modules",
        in: ["/usr", repository + "/.build/kamailio/usr"].flatMap { root in
            ["x86_64-linux-gnu", "aarch64-linux-gnu"].map { "\(root)/lib/\($0)/kamailio" }
        })

    public static let curl = PeerProgram("curl")
    public static let openssl = PeerProgram("openssl")
    public static let ip = PeerProgram("ip", in: ["/usr/sbin", "/sbin", "/usr/bin"])
    public static let nft = PeerProgram("nft", in: ["/usr/sbin", "/sbin", "/usr/bin"])
    public static let nginx = PeerProgram("nginx", in: ["/usr/sbin", repository + "/.build/nginx/usr/sbin"])
    public static let prometheus = PeerProgram(
        "prometheus", in: ["/usr/bin", repository + "/.build/prometheus/usr/bin"])
    public static let promtool = PeerProgram(
        "promtool", in: ["/usr/bin", repository + "/.build/prometheus/usr/bin"])

    public static let psql = PeerProgram("psql")
    public static let postgres = PeerProgram(
        "postgres",
        in: ["", repository + "/.build/postgresql"].flatMap { root in
            (13...18).reversed().map { "\(root)/usr/lib/postgresql/\($0)/bin" }
        })
    public static let mariadb = PeerProgram("mariadb")
    public static let mariadbd = PeerProgram("mariadbd", in: ["/usr/sbin"])
    public static let mariadbInstall = PeerProgram("mariadb-install-db")

    /// The root of this package.
    public static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private init(_ name: String, in directories: [String]? = nil, isProgram: Bool = true) {
        self.name = name
        let searched =
            directories
            ?? (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        path = searched.map { "\($0)/\(name)" }.first {
            isProgram
                ? FileManager.default.isExecutableFile(atPath: $0) : FileManager.default.fileExists(atPath: $0)
        }
    }

    /// - Throws: when it is not installed; a test that is not skipped then has forgotten to ask.
    public func require() throws -> String {
        guard let path else { throw Failure(howToGetIt) }
        return path
    }
}
