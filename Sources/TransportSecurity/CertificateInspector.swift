internal import CoreTypes
internal import SwiftASN1
internal import X509

/// What `cert show` and `check` say about a certificate file.
public struct CertificateReport: Sendable, Equatable {
    public let file: String
    public let subject: String
    public let issuer: String
    /// Host names, addresses and URIs of subjectAltName, as written.
    public let names: [String]
    /// Milliseconds since 1970.
    public let notBefore: Int64
    /// Milliseconds since 1970.
    public let notAfter: Int64
    /// Certificates in the file.
    public let chainLength: Int
    /// Such as `P256` or `RSA 2048`.
    public let keyType: String
    /// Nil when no key file was named.
    public let keyMatches: Bool?

    /// Whole days until it expires, negative once it has.
    public func daysLeft(now: Int64) -> Int {
        Int((Double(notAfter - now) / 86_400_000).rounded(.down))
    }
}

public enum CertificateInspector {
    /// Reads the first certificate of a file, and whether a key is its own. Blocks: never on an event loop.
    ///
    /// An expired certificate is no error here: the report says so.
    public static func inspect(
        _ file: String, key: String? = nil
    ) throws(TLSConfigurationError) -> CertificateReport {
        let chain = try PEMFile.certificates(file)
        guard let leaf = chain.first else {
            throw TLSConfigurationError(file, "holds no certificate", mend: "name a PEM file with the leaf first")
        }
        var keyMatches: Bool?
        if let key { keyMatches = try PEMFile.privateKey(key).publicKey == leaf.publicKey }
        return report(leaf, in: file, of: chain.count, keyMatches: keyMatches)
    }

    /// Reads all certificates of a file. Blocks: never on an event loop.
    public static func inspectAll(_ file: String) throws(TLSConfigurationError) -> [CertificateReport] {
        let all = try PEMFile.certificates(file)
        return all.map { report($0, in: file, of: all.count, keyMatches: nil) }
    }

    private static func report(
        _ certificate: Certificate, in file: String, of count: Int, keyMatches: Bool?
    ) -> CertificateReport {
        CertificateReport(
            file: file, subject: certificate.subject.description, issuer: certificate.issuer.description,
            names: names(of: certificate), notBefore: certificate.notBefore, notAfter: certificate.notAfter,
            chainLength: count, keyType: keyType(certificate.publicKey), keyMatches: keyMatches)
    }

    private static func names(of certificate: Certificate) -> [String] {
        ((try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames()).compactMap { name in
            switch name {
            case .dnsName(let host): host
            case .uniformResourceIdentifier(let uri): uri
            case .rfc822Name(let mail): mail
            case .ipAddress(let octets): IPAddress(bytes: octets.bytes)?.description
            default: nil
            }
        }
    }

    /// "P256.PublicKey" and "RSA2048.PublicKey" are how the library describes them.
    private static func keyType(_ key: Certificate.PublicKey) -> String {
        let text = key.description
        return text.split(separator: ".").first.map(String.init) ?? text
    }
}
