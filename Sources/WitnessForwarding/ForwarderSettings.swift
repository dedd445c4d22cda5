public import NIOSSL

/// Where one forwarder sends records, and how.
public struct ForwarderSettings: Sendable {
    public enum Target: Sendable {
        /// RFC 5424 over TCP with octet counting (RFC 6587) or, with a context, over TLS (RFC 5425).
        case syslog(host: String, port: Int, tls: NIOSSLContext?, format: SyslogMessage.Format)
        /// Arrays of JSON by POST.
        case http(url: String, tls: TLSConfiguration?, token: String?)
    }

    /// Of letters, digits, `.`, `_` and `-`: names its cursor's file, its records and its metrics.
    public var name: String
    public var target: Target
    /// Records in one batch, at most.
    public var batch = 500
    /// How long a connection must live on after the receiver's system took a record, for the record to count as
    /// received. Syslog only: HTTP answers.
    public var settle: Duration = .seconds(5)
    /// One batch must be taken within this time.
    public var patience: Duration = .seconds(30)
    /// HOSTNAME of syslog messages.
    public var hostName = "-"

    public init(name: String, target: Target) {
        self.name = name
        self.target = target
    }

    /// Bytes of records in one batch, at most; one record may be larger.
    static let batchBytes = 1 << 20
}

/// Why a batch could not be handed over.
struct DeliveryError: Error, CustomStringConvertible {
    let description: String
    /// What the receiver asked for.
    var retryAfter: Duration?
    /// A smaller batch may pass.
    var isTooLarge = false
}
