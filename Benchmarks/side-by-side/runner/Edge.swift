import Foundation

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What a configuration is for; the rest of it stays the same.
enum Variant: String, CaseIterable {
    /// All layers, limits out of the load's reach.
    case seven
    /// A source may send 30 requests in 10 s.
    case sourceLimit = "source-limit"
    /// A user may place 10 calls in 60 s.
    case callLimit = "call-limit"
    /// A source may send 2,000 requests in 10 s: many for a caller, few for a flood.
    case flood
    /// Limits just above the long run's load: windows that never fill would grow for as long as it lasts.
    case soak
    /// All layers; Sallyport on two event loops.
    case twoShards = "two-shards"
    /// Record-routing only, where the program can leave out the rest.
    case bare

    var shards: Int { self == .twoShards ? 2 : 1 }
    var callLimit: Int {
        switch self {
        case .callLimit: 10
        case .soak: 20_000
        case .seven, .sourceLimit, .flood, .twoShards, .bare: 1_000_000
        }
    }

    func sourceLimit(_ program: Program) -> Int {
        switch self {
        case .sourceLimit: 30
        case .flood: 2000
        case .soak: 10_000
        // pike's counters have 16 bits.
        case .seven, .callLimit, .twoShards, .bare: program == .kamailio ? 65_000 : 10_000_000
        }
    }
}

enum Program: String, CaseIterable {
    case sallyport
    case kamailio

    var name: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

    /// Where works that nobody authenticates for go: Sallyport has a profile without authentication there. Kamailio answers
    /// OPTIONS before it.
    func port(_ variant: Variant, _ work: String) -> Int {
        if work.contains("tls") { return 25061 }
        return self == .sallyport && (variant == .bare || work == "options") ? 25064 : 25060
    }
}

/// Where everything is.
struct Places {
    /// The package's directory.
    let package: URL
    let work: URL
    let sallyport: URL
    let kamailio: URL
    let load: URL

    static let users = 16

    var configurations: URL { package.appendingPathComponent("side-by-side/configurations") }
    var sallyportConfiguration: URL { work.appendingPathComponent("sallyport.yaml") }

    init(sallyport: String?, kamailio: String?, work: String?) throws {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var directory = executable.deletingLastPathComponent()
        load = directory.appendingPathComponent("load")
        while !FileManager.default.fileExists(
            atPath: directory.appendingPathComponent("side-by-side/configurations").path)
        {
            guard directory.path != "/" else { throw Failure("this program does not lie in its package's .build") }
            directory = directory.deletingLastPathComponent()
        }
        package = directory
        func place(_ given: String?, _ usual: String) -> URL {
            given.map { URL(fileURLWithPath: $0) } ?? directory.appendingPathComponent(usual).standardizedFileURL
        }
        self.sallyport = place(sallyport, "../.build/release/sallyport")
        self.kamailio = place(kamailio, "../.build/kamailio")
        self.work = place(work, ".build/side-by-side")
        for (what, url) in [
            ("Sallyport's program", self.sallyport), ("Kamailio", kamailioProgram), ("Kamailio's TLS", kamailioTLS),
            ("the load", load),
        ] where !FileManager.default.fileExists(atPath: url.path) {
            throw Failure("\(what) is not at \(url.path); Benchmarks/README.md says how it gets there")
        }
    }

    var kamailioProgram: URL { kamailio.appendingPathComponent("usr/sbin/kamailio") }
    var kamailioLibraries: URL { kamailio.appendingPathComponent("usr/lib/\(Self.architecture)/kamailio") }
    #if arch(arm64)
        private static let architecture = "aarch64-linux-gnu"
    #else
        private static let architecture = "x86_64-linux-gnu"
    #endif
    private var kamailioTLS: URL { kamailioLibraries.appendingPathComponent("modules/tls.so") }

    // MARK: Preparing

    /// Writes certificates, configurations and registry, anew.
    func prepare() throws {
        let files = FileManager.default
        if files.fileExists(atPath: work.path) {
            guard files.fileExists(atPath: sallyportConfiguration.path) else {
                throw Failure("\(work.path) is there, and was not made by this program")
            }
            try files.removeItem(at: work)
        }
        let tls = work.appendingPathComponent("tls")
        try files.createDirectory(at: tls, withIntermediateDirectories: true)
        try run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-config",
                configurations.appendingPathComponent("certificates.cnf").path, "-keyout",
                tls.appendingPathComponent("server-key.pem").path, "-out",
                tls.appendingPathComponent("server.pem").path,
            ])
        try files.copyItem(at: tls.appendingPathComponent("server.pem"), to: tls.appendingPathComponent("ca.pem"))
        for name in ["address.list", "tls.cfg", "kamailio.cfg", "kamailio-bare.cfg"] { try copy(name, [:]) }
        try configureSallyport(.seven)
        for user in 0..<Self.users {
            try run(
                [sallyport.path, "subscriber", "add", "u\(user)@edge.example", "--password-stdin"] + configuration,
                input: "secret-\(user)\n")
        }
        for network in ["127.0.0.0/24", "127.1.0.0/16"] {
            try run([sallyport.path, "allow", "add", network, "--tag", "lab"] + configuration)
        }
        try run(
            [
                sallyport.path, "expert", "add", "expert-safety@edge.example", "--name", "Safety", "--organization",
                "lab",
                "--specialization", "safety", "--verified",
            ] + configuration)
    }

    func configureSallyport(_ variant: Variant) throws {
        try copy(
            "sallyport.yaml",
            [
                "SOURCE_LIMIT": String(variant.sourceLimit(.sallyport)), "CALL_LIMIT": String(variant.callLimit),
                "SHARDS": String(variant.shards),
            ])
    }

    private var configuration: [String] { ["--config", sallyportConfiguration.path] }

    private func copy(_ name: String, _ words: [String: String]) throws {
        var text = try String(contentsOf: configurations.appendingPathComponent(name), encoding: .utf8)
        for (word, value) in words.merging(["DIRECTORY": work.path], uniquingKeysWith: { first, _ in first }) {
            text = text.replacingOccurrences(of: "@\(word)@", with: value)
        }
        try Data(text.utf8).write(to: work.appendingPathComponent(name))
    }

    // MARK: Commands

    /// Program, arguments and what the environment needs.
    func serveCommand(_ program: Program, _ variant: Variant) -> (arguments: [String], environment: [String: String]) {
        switch program {
        case .sallyport:
            return ([sallyport.path, "serve"] + configuration, [:])
        case .kamailio:
            let file = work.appendingPathComponent(variant == .bare ? "kamailio-bare.cfg" : "kamailio.cfg")
            return (
                [
                    kamailioProgram.path, "-DD", "-E", "-x", "tlsf", "-m", "2048", "-M", "64", "-Y", work.path, "-L",
                    kamailioLibraries.appendingPathComponent("modules/").path + "/", "-f", file.path, "-A",
                    "SOURCE_LIMIT=\(variant.sourceLimit(.kamailio))", "-A", "CALL_LIMIT=\(variant.callLimit)", "-A",
                    "USERS=\(Self.users)", "-A", "DIRECTORY=\"\(work.path)\"",
                ], ["LD_LIBRARY_PATH": kamailioLibraries.path]
            )
        }
    }
}
