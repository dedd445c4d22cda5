internal import Foundation
internal import SwiftASN1
package import X509

/// Certificates and keys as they lie on the disk. Everything here blocks: never call it on an event loop.
package enum PEMFile {
    private static let maximumBytes = 1 << 20
    /// Public authorities' lists have some megabytes.
    private static let maximumListBytes = 64 << 20

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

    /// The revocation lists of a file, in PEM or DER; at least one.
    static func revocationLists(_ path: String) throws(TLSConfigurationError) -> [RevocationList] {
        let data = try contents(path, mend: "check the path, or fetch the list from its authority")
        var encoded: [[UInt8]]
        if data.first == 0x30 {
            encoded = [Array(data)]
        } else {
            encoded = try documents(path, data, limit: maximumListBytes, mend: "fetch the list again")
                .filter { $0.discriminator == "X509 CRL" }.map(\.derBytes)
        }
        guard !encoded.isEmpty, data.count <= maximumListBytes else {
            throw TLSConfigurationError(
                path, "holds no revocation list", mend: "it must be DER, or PEM beginning with -----BEGIN X509 CRL-----"
            )
        }
        var lists: [RevocationList] = []
        for der in encoded {
            do {
                lists.append(try RevocationList(der: der))
            } catch {
                let what = (error as? RevocationList.Unusable)?.what ?? "can't be decoded"
                throw TLSConfigurationError(
                    path, what, mend: "fetch the list again: openssl crl -in FILE -text shows it")
            }
        }
        return lists
    }

    private static func contents(_ path: String, mend: String) throws(TLSConfigurationError) -> Data {
        let manager = FileManager.default
        guard manager.fileExists(atPath: path) else {
            throw TLSConfigurationError(path, "does not exist", mend: mend)
        }
        guard let data = manager.contents(atPath: path) else {
            throw TLSConfigurationError(path, "can't be read", mend: "let the user that runs sallyport read it")
        }
        return data
    }

    private static func documents(_ path: String) throws(TLSConfigurationError) -> [PEMDocument] {
        let data = try contents(
            path, mend: "check the path, or make one to try things: sallyport cert issue-dev tls")
        return try documents(
            path, data, limit: maximumBytes, mend: "is it DER? openssl x509 -inform DER -in OLD -out NEW")
    }

    private static func documents(
        _ path: String, _ data: Data, limit: Int, mend: String
    ) throws(TLSConfigurationError) -> [PEMDocument] {
        guard data.count <= limit, let text = String(data: data, encoding: .utf8) else {
            throw TLSConfigurationError(path, "is not a PEM file", mend: mend)
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
