internal import CoreTypes
internal import SwiftASN1
internal import X509

/// One certificate revocation list (RFC 5280 section 5), decoded. Delta and indirect lists are not taken.
struct RevocationList: Sendable {
    /// Why a list can't be used; what is wrong with it, in words.
    struct Unusable: Error {
        let what: String
    }

    let issuer: DistinguishedName
    /// Milliseconds since 1970.
    let thisUpdate: Int64
    /// Milliseconds since 1970; nil: the issuer promises no other.
    let nextUpdate: Int64?
    let revoked: Set<Certificate.SerialNumber>
    /// Which part of the issuer's certificates it is about, as encoded: lists of several parts stand side by side.
    let scope: [UInt8]
    private let signedBytes: ArraySlice<UInt8>
    private let signature: ArraySlice<UInt8>
    private let algorithm: Certificate.SignatureAlgorithm

    /// - Parameter der: a CertificateList.
    init(der: [UInt8]) throws {
        let root = try DER.parse(der)
        (signedBytes, algorithm, signature, issuer, thisUpdate, nextUpdate, revoked, scope) = try DER.sequence(
            root, identifier: .sequence
        ) { nodes in
            guard let body = nodes.next(), let algorithm = nodes.next() else { throw Unusable(what: "is cut off") }
            let signature = try ASN1BitString(derEncoded: &nodes)
            let list = try Body(body)
            let named = try Self.algorithm(algorithm)
            guard named == (try Self.algorithm(list.algorithm)) else {
                throw Unusable(what: "names two signature algorithms")
            }
            return (
                body.encodedBytes, named, signature.bytes, list.issuer, list.thisUpdate, list.nextUpdate, list.revoked,
                list.scope
            )
        }
    }

    /// Whether a certificate's holder signed it, and may.
    func isSigned(by authority: Certificate) -> Bool {
        guard authority.subject == issuer, ChainRules.isStrong(authority.publicKey) else { return false }
        // A key usage that can't be decoded permits nothing.
        guard let usage = try? authority.extensions.keyUsage else {
            return authority.extensions[oid: .X509ExtensionID.keyUsage] == nil && verifies(authority.publicKey)
        }
        return usage.cRLSign && verifies(authority.publicKey)
    }

    private func verifies(_ key: Certificate.PublicKey) -> Bool {
        key.isValidSignature(signature, for: signedBytes, signatureAlgorithm: algorithm)
    }

    private static func algorithm(_ node: ASN1Node) throws -> Certificate.SignatureAlgorithm {
        let oid = try DER.sequence(node, identifier: .sequence) { nodes in
            let oid = try ASN1ObjectIdentifier(derEncoded: &nodes)
            // NULL for RSA, nothing for the others.
            while nodes.next() != nil {}
            return oid
        }
        guard let known = algorithms[oid] else {
            throw Unusable(what: "is signed by an algorithm that is not accepted")
        }
        return known
    }

    private static let algorithms: [ASN1ObjectIdentifier: Certificate.SignatureAlgorithm] = [
        [1, 2, 840, 10045, 4, 3, 2]: .ecdsaWithSHA256, [1, 2, 840, 10045, 4, 3, 3]: .ecdsaWithSHA384,
        [1, 2, 840, 10045, 4, 3, 4]: .ecdsaWithSHA512, [1, 2, 840, 113549, 1, 1, 11]: .sha256WithRSAEncryption,
        [1, 2, 840, 113549, 1, 1, 12]: .sha384WithRSAEncryption,
        [1, 2, 840, 113549, 1, 1, 13]: .sha512WithRSAEncryption, [1, 3, 101, 112]: .ed25519,
    ]
}

/// TBSCertList (RFC 5280 section 5.1.2).
private struct Body {
    var algorithm: ASN1Node
    var issuer: DistinguishedName
    var thisUpdate: Int64
    var nextUpdate: Int64?
    var revoked: Set<Certificate.SerialNumber> = []
    var scope: [UInt8] = []

    init(_ node: ASN1Node) throws {
        self = try DER.sequence(node, identifier: .sequence) { nodes in try Self(&nodes) }
    }

    private init(_ nodes: inout ASN1NodeCollection.Iterator) throws {
        var next = nodes.next()
        if let node = next, node.identifier == .integer {
            guard try Int(derEncoded: node) == 1 else {
                throw RevocationList.Unusable(what: "is of an unknown version")
            }
            next = nodes.next()
        }
        guard let algorithm = next, let issuer = nodes.next(), let updated = nodes.next() else {
            throw RevocationList.Unusable(what: "is cut off")
        }
        self.algorithm = algorithm
        self.issuer = try DistinguishedName(derEncoded: issuer)
        thisUpdate = try Self.time(updated)
        next = nodes.next()
        if let node = next, [.utcTime, .generalizedTime].contains(node.identifier) {
            nextUpdate = try Self.time(node)
            next = nodes.next()
        }
        if let node = next, node.identifier == .sequence {
            revoked = try Self.serials(node)
            next = nodes.next()
        }
        if let node = next {
            guard node.identifier == .init(tagWithNumber: 0, tagClass: .contextSpecific) else {
                throw RevocationList.Unusable(what: "has parts that it should not have")
            }
            let parts = try DER.explicitlyTagged(node, tagNumber: 0, tagClass: .contextSpecific) { $0 }
            for part in try DER.sequence(of: Certificate.Extension.self, identifier: .sequence, rootNode: parts) {
                try take(part)
            }
        }
    }

    private mutating func take(_ part: Certificate.Extension) throws {
        switch part.oid {
        case Self.deltaIndicator:
            throw RevocationList.Unusable(what: "is a delta list; name the complete one")
        case Self.distributionPoint:
            // indirectCRL [4] TRUE: it speaks of other issuers' certificates.
            let isIndirect = try DER.sequence(DER.parse(part.value), identifier: .sequence) { nodes in
                var found = false
                while let node = nodes.next() {
                    found = found || node.identifier == .init(tagWithNumber: 4, tagClass: .contextSpecific)
                }
                return found
            }
            guard !isIndirect else { throw RevocationList.Unusable(what: "is an indirect list") }
            scope = Array(part.value)
        default:
            guard !part.critical else {
                throw RevocationList.Unusable(what: "has a critical extension \(part.oid) that is not understood")
            }
        }
    }

    private static let distributionPoint: ASN1ObjectIdentifier = [2, 5, 29, 28]
    private static let deltaIndicator: ASN1ObjectIdentifier = [2, 5, 29, 27]

    private static func serials(_ node: ASN1Node) throws -> Set<Certificate.SerialNumber> {
        var serials: Set<Certificate.SerialNumber> = []
        try DER.sequence(node, identifier: .sequence) { entries in
            while let entry = entries.next() {
                try DER.sequence(entry, identifier: .sequence) { parts in
                    serials.insert(.init(bytes: try ArraySlice<UInt8>(derEncoded: &parts)))
                    // Since when and why makes no difference.
                    while parts.next() != nil {}
                }
            }
        }
        return serials
    }

    private static func time(_ node: ASN1Node) throws -> Int64 {
        let parts: (year: Int, month: Int, day: Int, hours: Int, minutes: Int, seconds: Int)
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            parts = (time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
        } else {
            let time = try GeneralizedTime(derEncoded: node)
            parts = (time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
        }
        let time = CivilTime.milliseconds(
            year: parts.year, month: parts.month, day: parts.day, hour: parts.hours, minute: parts.minutes,
            second: parts.seconds)
        guard let time else { throw RevocationList.Unusable(what: "has a date that is none") }
        return time
    }
}
