internal import CoreTypes
internal import Crypto
internal import Foundation
internal import SwiftASN1
internal import X509

/// A private certificate authority with one server and one client certificate, for trying things.
public struct DevelopmentCertificates: Sendable, Equatable {
    /// Absolute paths of what was written.
    public let authority: String
    public let authorityKey: String
    /// The leaf and the authority.
    public let server: String
    public let serverKey: String
    public let client: String
    public let clientKey: String

    private static let fileNames = [
        "ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "client.pem", "client-key.pem",
    ]

    /// What the certificates are for when nobody says: this machine.
    public static let defaultNames = ["localhost", "127.0.0.1", "::1"]

    /// Issues and writes; blocks. ECDSA P-256; leaves live 397 days, the authority ten years.
    ///
    /// Keys are readable for their owner only. Files stand complete under their names or not at all.
    /// - Parameters:
    ///   - directory: made if it is not there.
    ///   - names: host names and addresses; each name is also given as a SIP domain (RFC 5922).
    ///   - overwrite: whether files that are there may be replaced.
    ///   - now: milliseconds since 1970.
    public static func issue(
        into directory: String, names: [String] = defaultNames, overwrite: Bool = false, now: Int64
    ) throws(TLSConfigurationError) -> DevelopmentCertificates {
        let names = names.isEmpty ? defaultNames : names
        var alternatives: [GeneralName] = []
        for name in names { alternatives += try alternativeNames(name) }
        let root = URL(fileURLWithPath: directory).standardizedFileURL.path
        let paths = fileNames.map { root + "/" + $0 }
        if !overwrite, let existing = paths.first(where: FileManager.default.fileExists(atPath:)) {
            throw TLSConfigurationError(
                existing, "is there already", mend: "name another directory, or ask for it to be replaced with --force")
        }
        do {
            let contents = try issue(names: names, alternatives: alternatives, now: now)
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
            for (path, text) in zip(paths, contents) {
                try write(text, to: path, mode: path.hasSuffix("-key.pem") ? 0o600 : 0o644)
            }
        } catch {
            throw TLSConfigurationError(
                root, "certificates can't be written: \(error)", mend: "check the directory's permissions and space")
        }
        return DevelopmentCertificates(
            authority: paths[0], authorityKey: paths[1], server: paths[2], serverKey: paths[3], client: paths[4],
            clientKey: paths[5])
    }

    private static func alternativeNames(_ name: String) throws(TLSConfigurationError) -> [GeneralName] {
        if let address = IPAddress(name) {
            return [.ipAddress(ASN1OctetString(contentBytes: address.bytes[...]))]
        }
        let good = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        guard good, (1...253).contains(name.utf8.count) else {
            throw TLSConfigurationError("", "'\(name)' is no host name", mend: "name hosts such as sip.example.org")
        }
        return [.dnsName(name.lowercased()), .uniformResourceIdentifier("sip:" + name.lowercased())]
    }

    /// The files' texts, in the order of `fileNames`.
    private static func issue(names: [String], alternatives: [GeneralName], now: Int64) throws -> [String] {
        let authority = try Authority(now: now)
        let authorityPEM = try authority.pem
        let server = try authority.leaf(commonName: names[0], alternatives: alternatives, now: now)
        let client = try authority.leaf(
            commonName: "Sallyport development client", alternatives: alternatives, now: now)
        return [
            authorityPEM, authority.key.pemRepresentation + "\n",
            server.pem + authorityPEM, server.key + "\n",
            client.pem + authorityPEM, client.key + "\n",
        ]
    }

    /// By a file of another name that is then renamed, so that a reader never sees half of it; made with its final mode,
    /// so that a key is at no time readable for others.
    private static func write(_ text: String, to path: String, mode: mode_t) throws {
        let draft = path + ".new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.synchronize()
        try handle.close()
        guard rename(draft, path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }
}

/// The authority while it issues.
private struct Authority {
    let key = P256.Signing.PrivateKey()
    let certificate: Certificate

    init(now: Int64) throws {
        let name = try DistinguishedName {
            CommonName("Sallyport development authority")
            OrganizationName("For trying things only")
        }
        let publicKey = Certificate.PublicKey(key.publicKey)
        certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: Self.date(now, days: -1), notValidAfter: Self.date(now, days: 3650), issuer: name,
            subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: publicKey)
            }, issuerPrivateKey: Certificate.PrivateKey(key))
    }

    var pem: String {
        get throws { try certificate.serializeAsPEM().pemString + "\n" }
    }

    /// A certificate for either side of TLS, and its key, both in PEM.
    func leaf(commonName: String, alternatives: [GeneralName], now: Int64) throws -> (pem: String, key: String) {
        let leafKey = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(leafKey.publicKey)
        let subject = try DistinguishedName { CommonName(commonName) }
        let leaf = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: Self.date(now, days: -1), notValidAfter: Self.date(now, days: 397),
            issuer: certificate.subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(alternatives)
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
            }, issuerPrivateKey: Certificate.PrivateKey(key))
        return (try leaf.serializeAsPEM().pemString + "\n", leafKey.pemRepresentation)
    }

    private static func date(_ now: Int64, days: Int64) -> Date {
        Date(timeIntervalSince1970: Double(now / 1000 + days * 86_400))
    }
}
