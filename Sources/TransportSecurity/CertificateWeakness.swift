internal import SwiftASN1

/// Tells a certificate that swift-certificates won't decode for its weakness from one that is damaged, so that whoever
/// reads the log knows what to renew.
enum CertificateWeakness {
    static func fault(_ der: [UInt8]) -> CertificateFault {
        (try? find(der)) ?? .malformed
    }

    private static func find(_ der: [UInt8]) throws -> CertificateFault {
        try DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
            guard let body = nodes.next(), let algorithm = nodes.next() else { return .malformed }
            while nodes.next() != nil {}
            if weakSignatures.contains(try firstIdentifier(algorithm)) { return .weakSignature }
            return try isShortRSA(body) ? .weakKey : .malformed
        }
    }

    private static let weakSignatures: Set<ASN1ObjectIdentifier> = [
        // RSA with MD2, MD5 and SHA-1, ECDSA with SHA-1.
        [1, 2, 840, 113549, 1, 1, 2], [1, 2, 840, 113549, 1, 1, 4], [1, 2, 840, 113549, 1, 1, 5],
        [1, 2, 840, 10045, 4, 1],
    ]

    private static let rsa: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 1]

    /// TBSCertificate (RFC 5280 section 4.1): its SubjectPublicKeyInfo is the one SEQUENCE that begins with a SEQUENCE
    /// and goes on with a BIT STRING.
    private static func isShortRSA(_ body: ASN1Node) throws -> Bool {
        guard case .constructed(let parts) = body.content else { return false }
        for part in parts {
            guard case .constructed(let inner) = part.content else { continue }
            let nodes = Array(inner)
            guard nodes.count == 2, nodes[0].identifier == .sequence, nodes[1].identifier == .bitString else {
                continue
            }
            guard try firstIdentifier(nodes[0]) == rsa else { return false }
            let key = try ASN1BitString(derEncoded: nodes[1])
            return try DER.sequence(DER.parse(Array(key.bytes)), identifier: .sequence) { numbers in
                let modulus = try ArraySlice<UInt8>(derEncoded: &numbers)
                while numbers.next() != nil {}
                return modulus.drop { $0 == 0 }.count * 8 < 2048
            }
        }
        return false
    }

    private static func firstIdentifier(_ node: ASN1Node) throws -> ASN1ObjectIdentifier {
        try DER.sequence(node, identifier: .sequence) { nodes in
            let found = try ASN1ObjectIdentifier(derEncoded: &nodes)
            while nodes.next() != nil {}
            return found
        }
    }
}
