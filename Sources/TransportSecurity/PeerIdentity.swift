public import CoreTypes
public import NIOSSL
internal import SwiftASN1
package import X509

/// Who a certificate says its holder is.
public struct PeerIdentity: Sendable, Equatable {
    /// Distinguished names in RFC 4514 form.
    public let subject: String
    public let issuer: String
    /// The SIP domains that the holder may speak for, in lower case (RFC 5922 section 7.1).
    public let sipIdentities: [String]
    /// From subjectAltName.
    public let addresses: [IPAddress]
    /// Milliseconds since 1970.
    public let notAfter: Int64
    /// Upper-case hexadecimal, as OpenSSL writes it.
    public let serialNumber: String
    let certificate: Certificate

    /// Nil for a certificate that can't be decoded: to be treated as a failed handshake.
    public init?(_ certificate: NIOSSLCertificate) {
        guard let decoded = certificate.decoded else { return nil }
        self.init(decoded)
    }

    package init(_ certificate: Certificate) {
        self.certificate = certificate
        serialNumber = Hexadecimal.string(Array(certificate.serialNumber.bytes)).uppercased()
        subject = certificate.subject.description
        issuer = certificate.issuer.description
        notAfter = certificate.notAfter
        var uris: [String] = []
        var hosts: [String] = []
        var addresses: [IPAddress] = []
        // An extension that can't be decoded names nobody, and stays one that is there: no falling back to the subject.
        let hasNames = certificate.extensions[oid: .X509ExtensionID.subjectAlternativeName] != nil
        for name in (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames() {
            switch name {
            case .uniformResourceIdentifier(let uri):
                if let host = Self.sipDomain(uri) { uris.append(host) }
            case .dnsName(let host):
                if let host = Self.domain(host) { hosts.append(host) }
            case .ipAddress(let octets):
                if let address = IPAddress(bytes: octets.bytes) { addresses.append(address) }
            default:
                continue
            }
        }
        if !hasNames, let host = Self.commonName(certificate.subject).flatMap(Self.domain) { hosts.append(host) }
        sipIdentities = uris.isEmpty ? hosts : uris
        self.addresses = addresses
    }

    /// Whether the holder may speak for a domain or host name: equal but for case; no wildcards, no parent domains
    /// (RFC 5922 section 7.2). An address is compared with the addresses in the certificate.
    public func covers(_ name: String) -> Bool {
        if let address = IPAddress(name) { return addresses.contains(address) }
        let name = name.lowercased()
        return sipIdentities.contains(name.hasSuffix(".") ? String(name.dropLast()) : name)
    }

    /// The host of a `sip:` URI without a user part, which is what names a domain.
    private static func sipDomain(_ uri: String) -> String? {
        guard uri.prefix(4).lowercased() == "sip:", !uri.contains("@") else { return nil }
        let host = uri.dropFirst(4).prefix { $0 != ";" && $0 != "?" && $0 != ":" }
        return domain(String(host))
    }

    private static func domain(_ name: String) -> String? {
        let bytes = name.utf8
        let good = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return good && (1...253).contains(bytes.count) ? name.lowercased() : nil
    }

    private static func commonName(_ name: DistinguishedName) -> String? {
        // The most specific one stands last.
        name.reversed().lazy.flatMap { $0 }.first { $0.type == .RDNAttributeType.commonName }
            .flatMap { String($0.value) }
    }
}

/// What is known about the TLS of one connection.
public final class TLSFacts: Sendable, Equatable {
    /// `TLSv1.2` or `TLSv1.3`.
    public let version: String
    /// IANA's name, such as `TLS_AES_256_GCM_SHA384`; `unknown` should never be seen.
    public let cipherSuite: String
    /// Nil when the peer showed no certificate.
    public let peer: PeerIdentity?

    public init(version: String, cipherSuite: String, peer: PeerIdentity? = nil) {
        self.version = version
        self.cipherSuite = cipherSuite
        self.peer = peer
    }

    public static func == (first: TLSFacts, second: TLSFacts) -> Bool {
        first.version == second.version && first.cipherSuite == second.cipherSuite && first.peer == second.peer
    }

    /// The name of a version as OpenSSL and the log write it.
    public static func name(of version: TLSVersion?) -> String {
        switch version {
        case .tlsv13: "TLSv1.3"
        case .tlsv12: "TLSv1.2"
        case .tlsv11: "TLSv1.1"
        case .tlsv1: "TLSv1"
        case nil: "unknown"
        }
    }
}
