public import CoreTypes
package import SettingsFile

extension Configuration {
    /// The append-only log of security events.
    public struct Witness: Sendable, Equatable {
        public enum Durability: String, Sendable, CaseIterable {
            case sync
            case group
            case async
        }

        public enum Failure: String, Sendable, CaseIterable {
            case refuse
            case degrade
        }

        public struct Checkpoint: Sendable, Equatable {
            public var records = 1000
            public var every = Duration.seconds(60)
        }

        public struct Rotate: Sendable, Equatable {
            public var bytes = 256 << 20
            public var every = Duration.seconds(86_400)
        }

        /// As written: see `Configuration.witnessDirectory`.
        public var directory = "witness"
        public var durability = Durability.group
        public var checkpoint = Checkpoint()
        public var rotate = Rotate()
        public var keep = Duration.seconds(400 * 86_400)
        /// So much longer are records kept that a forwarder has not sent.
        public var keepUnsent = Duration.seconds(30 * 86_400)
        public var onFailure = Failure.refuse
        /// How long a call waits for its record, before it counts as not written.
        public var wait = Duration.seconds(5)
        public var forward: [Forward] = []

        public init() {}
    }

    /// The HTTP side: API, console, metrics.
    public struct Control: Sendable, Equatable {
        public struct TLS: Sendable, Equatable {
            public var certificate: String
            public var key: String

            public init(certificate: String = "", key: String = "") {
                self.certificate = certificate
                self.key = key
            }
        }

        /// For one address.
        public struct Rate: Sendable, Equatable {
            public var requests = 10
            public var per = Duration.seconds(1)
            public var burst = 20

            public init(requests: Int = 10, per: Duration = .seconds(1), burst: Int = 20) {
                self.requests = requests
                self.per = per
                self.burst = burst
            }
        }

        public struct KeyRate: Sendable, Equatable {
            public var requests = 100
            public var per = Duration.seconds(60)

            public init(requests: Int = 100, per: Duration = .seconds(60)) {
                self.requests = requests
                self.per = per
            }
        }

        public var listen = Endpoint(IPAddress(v4: 0x7f00_0001), port: 3000)
        public var tls: TLS?
        public var rate = Rate()
        public var keyRate = KeyRate()
        /// Path of a file that says which country an address is registered in; nil: none is shown.
        public var countries: String?

        public init() {}
    }

    public struct Bans: Sendable, Equatable {
        public enum Kernel: String, Sendable, CaseIterable {
            case off
            case nftables
        }

        /// A rule that turns repeated signs of ill will into a ban.
        public struct Jail: Sendable, Equatable {
            public enum Signal: String, Sendable, CaseIterable {
                case authFailed = "auth_failed"
                case scanner
                case malformed
                case rateLimited = "rate_limited"
                case apiKeyFailed = "api_key_failed"
            }

            public var name: String
            /// Exactly one of `signal` and `log` is set.
            public var signal: Signal?
            /// A log file to follow, as written, read through `filter`.
            public var log: String?
            public var filter: String?
            public var maxRetry = 5
            public var findTime = Duration.seconds(600)
            public var banTime = Duration.seconds(600)
            /// Each ban of the same address is longer than the one before.
            public var increment = false
            public var ignore: [IPNetwork] = []

            public init(name: String, signal: Signal? = nil) {
                self.name = name
                self.signal = signal
            }
        }

        public var neverBan: [IPNetwork] = [
            IPNetwork(IPAddress(v4: 0x7f00_0000), prefixLength: 8),
            IPNetwork(IPAddress(v6High: 0, low: 1), prefixLength: 128),
        ].compactMap { $0 }
        public var kernel = Kernel.off
        public var jails: [Jail] = standardJails

        public init() {}

        static let standardJails: [Jail] = {
            var authentication = Jail(name: "sip-auth", signal: .authFailed)
            authentication.increment = true
            var scan = Jail(name: "sip-scan", signal: .scanner)
            scan.maxRetry = 1
            scan.banTime = .seconds(3600)
            scan.increment = true
            return [authentication, scan, Jail(name: "api-key", signal: .apiKeyFailed)]
        }()
    }

    public struct Logging: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable {
            case trace
            case debug
            case info
            case notice
            case warning
            case error
            case critical
        }

        public enum Format: String, Sendable, CaseIterable {
            case text
            case json
        }

        public var level = Level.info
        public var format = Format.text

        public init() {}
    }
}

extension Configuration.Witness: Section {
    package mutating func fill(_ form: Form) {
        form.value("directory", &directory, .path)
        form.value("durability", &durability, .choice())
        form.section("checkpoint", &checkpoint)
        form.section("rotate", &rotate)
        form.value("keep", &keep, .duration(.seconds(3600) ... .seconds(36_500 * 86_400)))
        form.value("keep_unsent", &keepUnsent, .duration(.zero ... .seconds(3650 * 86_400)))
        form.value("on_failure", &onFailure, .choice())
        form.value("wait", &wait, .duration(.milliseconds(100) ... .seconds(30)))
        form.sections("forward", &forward, blank: Forward())
    }
}

extension Configuration.Witness.Checkpoint: Section {
    package mutating func fill(_ form: Form) {
        form.value("records", &records, .integer(1...1_000_000))
        form.value("every", &every, .duration(.milliseconds(100) ... .seconds(86_400)))
    }
}

extension Configuration.Witness.Rotate: Section {
    package mutating func fill(_ form: Form) {
        form.value("bytes", &bytes, .size(4096...(1 << 40)))
        form.value("every", &every, .duration(.seconds(1) ... .seconds(366 * 86_400)))
    }
}

extension Configuration.Control: Section {
    package mutating func fill(_ form: Form) {
        form.value("listen", &listen, .endpoint)
        form.switchable("tls", &tls, on: TLS())
        form.section("rate", &rate)
        form.section("key_rate", &keyRate)
        form.optional("countries", &countries, .path)
        if tls == nil, !listen.address.isLoopback, !listen.address.isPrivate {
            form.complain(
                "listen", "\(listen) can be reached by strangers and has no TLS",
                mend: "listen on 127.0.0.1 behind a web server, or give 'tls: {certificate: ..., key: ...}'")
        }
    }
}

extension Configuration.Control.TLS: Section {
    package mutating func fill(_ form: Form) {
        form.required("certificate", &certificate, .path)
        form.required("key", &key, .path)
    }
}

extension Configuration.Control.Rate: Section {
    package mutating func fill(_ form: Form) {
        form.value("requests", &requests, .integer(1...1_000_000))
        form.value("per", &per, .duration(.milliseconds(100) ... .seconds(86_400)))
        form.value("burst", &burst, .integer(0...1_000_000))
    }
}

extension Configuration.Control.KeyRate: Section {
    package mutating func fill(_ form: Form) {
        form.value("requests", &requests, .integer(1...1_000_000))
        form.value("per", &per, .duration(.milliseconds(100) ... .seconds(86_400)))
    }
}

extension Configuration.Bans: Section {
    package mutating func fill(_ form: Form) {
        form.list("never_ban", &neverBan, .network)
        form.value("kernel", &kernel, .choice())
        form.sections("jails", &jails, blank: Jail(name: ""))
    }
}

extension Configuration.Bans.Jail: Section {
    package mutating func fill(_ form: Form) {
        form.required("name", &name, .name)
        form.optional("signal", &signal, .choice())
        form.optional("log", &log, .path)
        form.optional("filter", &filter, .path)
        form.value("maxretry", &maxRetry, .integer(1...1_000_000))
        form.value("findtime", &findTime, .duration(.seconds(1) ... .seconds(30 * 86_400)))
        form.value("bantime", &banTime, .duration(.seconds(1) ... .seconds(3650 * 86_400)))
        form.value("increment", &increment, .boolean)
        form.list("ignoreip", &ignore, .network)
        if (signal == nil) == (log == nil) {
            form.complain(
                nil, "needs exactly one of 'signal' and 'log'",
                mend: "write 'signal: auth_failed', or 'log: /var/log/auth.log' with 'filter: sshd'")
        } else if log != nil, filter == nil {
            form.complain(nil, "follows a log but has no 'filter'", mend: "write which lines count: 'filter: sshd'")
        }
    }
}

extension Configuration.Logging: Section {
    package mutating func fill(_ form: Form) {
        form.value("level", &level, .choice())
        form.value("format", &format, .choice())
    }
}
