internal import CoreTypes
internal import SwiftASN1
internal import X509

/// What `check` and `cert check` say about a file with revocation lists.
public struct RevocationReport: Sendable, Equatable {
    public let file: String
    public let issuer: String
    /// Revoked certificates.
    public let count: Int
    /// Milliseconds since 1970.
    public let thisUpdate: Int64
    /// Milliseconds since 1970; nil: no other was promised.
    public let nextUpdate: Int64?

    /// Whether a newer list should be there by now. What a stale list revokes stays revoked, but it may lack something.
    public func isStale(now: Int64) -> Bool { nextUpdate.map { $0 < now } ?? false }
}

/// The certificates that their issuers have called back, from lists (RFC 5280 section 5) whose signatures were good when
/// they were read.
public struct RevocationLists: Sendable {
    private struct Scope: Hashable {
        var issuer: DistinguishedName
        var part: [UInt8]
    }

    public let reports: [RevocationReport]
    private let revoked: [DistinguishedName: [Set<Certificate.SerialNumber>]]

    /// No lists: nothing is revoked.
    public init() {
        reports = []
        revoked = [:]
    }

    /// Reads and checks; blocks, so never on an event loop. Of several lists of one issuer the latest counts.
    /// - Parameters:
    ///   - files: PEM (`X509 CRL`) or DER.
    ///   - trust: path of the authorities that may have signed them, those between root and leaf included.
    ///   - now: milliseconds since 1970; a list of a later day is refused, a stale one is not (see `reports`).
    public init(_ files: [String], trust: String, now: Int64) throws(TLSConfigurationError) {
        let authorities = files.isEmpty ? [] : try PEMFile.certificates(trust)
        var latest: [Scope: (list: RevocationList, file: String)] = [:]
        for file in files {
            for list in try PEMFile.revocationLists(file) {
                guard authorities.contains(where: list.isSigned) else {
                    throw TLSConfigurationError(
                        file, "is not signed by an authority in \(trust) (its issuer is \(list.issuer))",
                        mend: "add that authority to tls.trust, or fetch the list again")
                }
                guard list.thisUpdate <= now else {
                    throw TLSConfigurationError(
                        file,
                        "is of \(CivilTime(millisecondsSince1970: list.thisUpdate).rfc3339), which is still to come",
                        mend: "is this machine's clock right?")
                }
                let scope = Scope(issuer: list.issuer, part: list.scope)
                if let known = latest[scope]?.list, known.thisUpdate >= list.thisUpdate { continue }
                latest[scope] = (list, file)
            }
        }
        reports = latest.values.map { list, file in
            RevocationReport(
                file: file, issuer: list.issuer.description, count: list.revoked.count, thisUpdate: list.thisUpdate,
                nextUpdate: list.nextUpdate)
        }.sorted { ($0.file, $0.issuer) < ($1.file, $1.issuer) }
        revoked = Dictionary(grouping: latest.values, by: \.list.issuer).mapValues { $0.map(\.list.revoked) }
    }

    func isRevoked(_ certificate: Certificate) -> Bool {
        isRevoked(issuer: certificate.issuer, serial: certificate.serialNumber)
    }

    func isRevoked(issuer: DistinguishedName, serial: Certificate.SerialNumber) -> Bool {
        revoked[issuer]?.contains { $0.contains(serial) } ?? false
    }
}
