internal import Foundation
internal import SwiftASN1
package import X509

/// Certificates and keys as they lie on the disk. Everything here blocks: never call it on an event loop.
package enum PEMFile {
    private static let maximumBytes = 1 << 20

    /// The certificates of a file, in its order; at least one.
    package static func certificates(_ path: String) throws(TLSConfigurationError) -> [Certificate] {
        let blocks = try documents(path).filter { ["CERTIFICATE", "X509 CERTIFICATE"].contains($0.discriminator) }
        guard !blocks.isEmpty else {
            throw TLSConfigurationError(
                path, "holds no certificate", mend: "it must be PEM, beginning with -----BEGIN CERTIFICATE-----")
        }
        var certificates: [Certificate] = []
        for (index, block) in blocks.enumerated() {
            do {
                certificates.append(try Certificate(derEncoded: block.derBytes))
            } catch {
                throw TLSConfigurationError(
                    path, "certificate \(index + 1) of \(blocks.count) can't be decoded", mend: "issue or copy it again"
                )
            }
        }
        return certificates
    }

    /// The private key of a file: PKCS #8, or the older forms for EC and RSA keys.
    package static func privateKey(_ path: String) throws(TLSConfigurationError) -> Certificate.PrivateKey {
        let documents = try documents(path)
        if documents.contains(where: { $0.discriminator == "ENCRYPTED PRIVATE KEY" }) {
            throw TLSConfigurationError(
                path, "is encrypted with a passphrase", mend: "decrypt it: openssl pkey -in OLD -out NEW")
        }
        guard let block = documents.first(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }) else {
            throw TLSConfigurationError(
                path, "holds no private key", mend: "it must be PEM, beginning with -----BEGIN PRIVATE KEY-----")
        }
        do {
            return try Certificate.PrivateKey(pemDocument: block)
        } catch {
            throw TLSConfigurationError(
                path, "the key can't be decoded", mend: "use an ECDSA P-256, P-384 or P-521, or an RSA key in PEM")
        }
    }

    private static func documents(_ path: String) throws(TLSConfigurationError) -> [PEMDocument] {
        let manager = FileManager.default
        guard manager.fileExists(atPath: path) else {
            throw TLSConfigurationError(
                path, "does not exist", mend: "check the path, or make one to try things: sallyport cert issue-dev tls")
        }
        guard let data = manager.contents(atPath: path) else {
            throw TLSConfigurationError(path, "can't be read", mend: "let the user that runs sallyport read it")
        }
        guard data.count <= maximumBytes, let text = String(data: data, encoding: .utf8) else {
            throw TLSConfigurationError(
                path, "is not a PEM file", mend: "is it DER? openssl x509 -inform DER -in OLD -out NEW")
        }
        do {
            return try PEMDocument.parseMultiple(pemString: text)
        } catch {
            throw TLSConfigurationError(path, "is not a PEM file", mend: "copy it again, BEGIN and END lines included")
        }
    }
}

extension Certificate {
    /// Milliseconds since 1970.
    package var notBefore: Int64 { Int64(notValidBefore.timeIntervalSince1970 * 1000) }
    /// Milliseconds since 1970.
    package var notAfter: Int64 { Int64(notValidAfter.timeIntervalSince1970 * 1000) }
}
