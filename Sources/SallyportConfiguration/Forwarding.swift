package import SettingsFile

extension Configuration.Witness {
    /// Where records are sent on to, at least once.
    public struct Forward: Sendable, Equatable {
        public enum Format: String, Sendable, CaseIterable {
            case rfc5424
            case cef
            case json
        }

        /// In records, metrics and the name of the file that says how far it has come. Where it is not given: host and
        /// port.
        public var name = ""
        /// `tcp://host:port` or `tls://host:port`; exactly one of `syslog` and `http` is set.
        public var syslog: String?
        /// Takes batches of JSON by POST.
        public var http: String?
        public var format = Format.rfc5424
        /// Path of the authorities in PEM that the receiver's certificate is checked against; nil: the system's.
        public var trust: String?
        /// Shown to the receiver where it asks for one: paths in PEM.
        public var certificate: String?
        public var key: String?
        /// Sent as `Authorization: Bearer`, with `http` only.
        public var token: SecretReference?
        /// Records in one batch, at most.
        public var batch = 500
        /// With syslog, which acknowledges nothing: how long a connection must have lived on after the receiver's system
        /// took a record, for it to count as received.
        public var settle = Duration.seconds(5)

        public init() {}

        /// Where it goes: host, port and whether by TLS; nil while the section is not whole.
        public var target: (host: String, port: UInt16, isSecure: Bool)? {
            guard let parts = (syslog ?? http).flatMap({ Characters.URLParts($0) }) else { return nil }
            let standard: UInt16? =
                switch parts.scheme {
                case "tls": 6514
                case "https": 443
                case "http": 80
                default: nil
                }
            guard let port = parts.port ?? standard else { return nil }
            return (parts.host, port, parts.scheme == "tls" || parts.scheme == "https")
        }
    }
}

extension Configuration.Witness.Forward: Section {
    package mutating func fill(_ form: Form) {
        form.value("name", &name, .name)
        form.optional("syslog", &syslog, .url(schemes: ["tls", "tcp"]))
        form.optional("http", &http, .url(schemes: ["https", "http"]))
        if http != nil { format = .json }
        form.value("format", &format, .choice())
        form.optional("trust", &trust, .path)
        form.optional("certificate", &certificate, .path)
        form.optional("key", &key, .path)
        form.optional("token", &token, .secret)
        form.value("batch", &batch, .integer(1...10_000))
        form.value("settle", &settle, .duration(.zero ... .seconds(600)))
        if (syslog == nil) == (http == nil) {
            form.complain(
                nil, "needs exactly one of 'syslog' and 'http'", mend: #"write {syslog: "tls://siem.example.org:6514"}"#
            )
            return
        }
        check(form)
        if name.isEmpty, let target {
            let plain = "\(target.host)-\(target.port)".map { character in
                character.isASCII && (character.isLetter || character.isNumber || character == ".") ? character : "-"
            }
            name = String(String(plain).suffix(64))
        }
    }

    private func check(_ form: Form) {
        guard let target else {
            form.complain("syslog", "names no port, and there is none for plain syslog", mend: "write tcp://host:514")
            return
        }
        if syslog != nil, format == .json {
            form.complain("format", "json is for http", mend: "write rfc5424, whose text is the record as JSON, or cef")
        }
        if http != nil, format != .json {
            form.complain("format", "\(format.rawValue) is for syslog", mend: "leave it out: http takes json")
        }
        if token != nil, syslog != nil {
            form.complain("token", "syslog has no tokens", mend: "remove it, or name a certificate and key")
        }
        if token != nil, !target.isSecure, !["127.0.0.1", "::1", "localhost"].contains(target.host) {
            form.complain("token", "would be sent in the clear to \(target.host)", mend: "use https")
        }
        if (certificate == nil) != (key == nil) {
            form.complain(
                certificate == nil ? "key" : "certificate", "a certificate and its key belong together",
                mend: "name both or none")
        }
        if !target.isSecure, trust != nil || certificate != nil {
            form.complain(
                trust == nil ? "certificate" : "trust", "has no effect without TLS", mend: "use tls:// or https://")
        }
    }
}
