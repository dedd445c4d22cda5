import Foundation

/// A certificate authority run by `openssl ca`: makes certificates with any fault that is wanted, and revocation lists.
public final class Authority: Sendable {
    public static let openssl = "/usr/bin/openssl"
    public static var isThere: Bool { FileManager.default.isExecutableFile(atPath: openssl) }

    /// A certificate and its key, as files.
    public struct Issued: Sendable {
        /// The leaf and what stands between it and a root.
        public let chain: String
        public let key: String
        public let leaf: String
    }

    /// What was issued under a name before.
    public func issued(_ name: String) -> Issued {
        let base = "\(directory)/\(name)"
        return Issued(chain: base + ".pem", key: base + "-key.pem", leaf: base + "-leaf.pem")
    }

    /// What is asked of a certificate.
    public struct Wish: Sendable {
        public var key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        public var digest = "sha256"
        /// Days from now.
        public var from = -1.0
        public var until = 90.0
        public var names = "DNS:localhost, URI:sip:external.advisor"
        public var keyUsage = "critical, digitalSignature"
        public var purpose: String? = "clientAuth, serverAuth"
        public var isAuthority = false

        public init() {}

        public func with(_ change: (inout Wish) -> Void) -> Wish {
            var wish = self
            change(&wish)
            return wish
        }
    }

    private let directory: String
    private let name: String
    /// The certificates above this authority's own, for chains.
    private let above: [String]
    public let certificate: String
    private let key: String

    /// A root of its own.
    /// - Parameter directory: where its files go; must be there.
    public convenience init(_ name: String = "root", in directory: String) throws {
        let certificate = "\(directory)/\(name).pem"
        let key = "\(directory)/\(name)-key.pem"
        try Self.run(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", certificate, "-days", "3650", "-subj", "/CN=\(name)", "-addext",
                "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ], in: directory)
        try self.init(name, in: directory, certificate: certificate, key: key, above: [])
    }

    private init(_ name: String, in directory: String, certificate: String, key: String, above: [String]) throws {
        self.directory = directory
        self.name = name
        self.certificate = certificate
        self.key = key
        self.above = above
        try Data().write(to: URL(fileURLWithPath: file("index")))
        try Data("01\n".utf8).write(to: URL(fileURLWithPath: file("crlnumber")))
        try Data(
            """
            [ca]
            default_ca = this
            [this]
            database = \(file("index"))
            crlnumber = \(file("crlnumber"))
            rand_serial = yes
            new_certs_dir = \(directory)
            certificate = \(certificate)
            private_key = \(key)
            default_md = sha256
            default_days = 30
            policy = any
            unique_subject = no
            [any]
            commonName = supplied
            [list]
            authorityKeyIdentifier = keyid
            """.utf8
        ).write(to: URL(fileURLWithPath: file("conf")))
    }

    private func file(_ suffix: String) -> String { "\(directory)/\(name).\(suffix)" }

    public func issue(_ name: String, _ wish: Wish = Wish()) throws -> Issued {
        let base = "\(directory)/\(name)"
        var lines = [
            "keyUsage = \(wish.keyUsage)", "subjectAltName = \(wish.names)",
            "basicConstraints = critical, CA:\(wish.isAuthority ? "TRUE" : "FALSE")",
        ]
        if let purpose = wish.purpose { lines.append("extendedKeyUsage = \(purpose)") }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: base + ".ext"))
        try Self.run(
            ["req", "-new", "-newkey"] + wish.key + [
                "-nodes", "-keyout", base + "-key.pem", "-out", base + ".csr", "-subj", "/CN=\(name)",
            ], in: directory)
        try Self.run(
            [
                "ca", "-batch", "-notext", "-config", file("conf"), "-in", base + ".csr", "-out", base + "-leaf.pem",
                "-extfile", base + ".ext", "-md", wish.digest, "-startdate", Self.date(wish.from), "-enddate",
                Self.date(wish.until),
            ], in: directory)
        let between = above.isEmpty ? [] : [certificate] + above.dropLast()
        let chain = try ([base + "-leaf.pem"] + between).map { try String(contentsOfFile: $0, encoding: .utf8) }
        try Data(chain.joined().utf8).write(to: URL(fileURLWithPath: base + ".pem"))
        return issued(name)
    }

    /// An authority below this one.
    public func subordinate(_ name: String, _ wish: Wish = Wish()) throws -> Authority {
        let issued = try issue(
            name,
            wish.with {
                $0.isAuthority = true
                $0.purpose = nil
                if $0.keyUsage == Wish().keyUsage { $0.keyUsage = "critical, keyCertSign, cRLSign" }
            })
        return try Authority(
            name, in: directory, certificate: issued.leaf, key: issued.key, above: [certificate] + above)
    }

    public func revoke(_ issued: Issued) throws {
        try Self.run(["ca", "-config", file("conf"), "-revoke", issued.leaf], in: directory)
    }

    public func revoke(_ authority: Authority) throws {
        try Self.run(["ca", "-config", file("conf"), "-revoke", authority.certificate], in: directory)
    }

    /// Writes a revocation list over what is in the file, under its name at once.
    /// - Parameters:
    ///   - from: days from now, of the list.
    ///   - until: days from now, when the next is due.
    public func list(_ path: String, from: Double = -1, until: Double = 30, der: Bool = false) throws {
        try Self.run(
            [
                "ca", "-config", file("conf"), "-gencrl", "-crlexts", "list", "-crl_lastupdate", Self.date(from),
                "-crl_nextupdate", Self.date(until), "-out", path + ".new",
            ], in: directory)
        if der {
            try Self.run(["crl", "-in", path + ".new", "-outform", "DER", "-out", path + ".der"], in: directory)
            guard rename(path + ".der", path) == 0 else { throw Failure("\(path) can't be written") }
        } else {
            guard rename(path + ".new", path) == 0 else { throw Failure("\(path) can't be written") }
        }
    }

    private static func date(_ days: Double) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "yyyyMMddHHmmss'Z'"
        return formatter.string(from: Date(timeIntervalSinceNow: days * 86_400))
    }

    private static func run(_ arguments: [String], in directory: String) throws {
        let outcome = try Child.run(openssl, arguments, in: directory)
        guard outcome.code == 0 else {
            throw Failure("openssl \(arguments.joined(separator: " ")): \(outcome.errors)")
        }
    }
}
