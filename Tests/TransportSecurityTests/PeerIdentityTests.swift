import CoreTypes
import Crypto
import Foundation
import SwiftASN1
import Testing
import TransportSecurity
import X509

@Suite struct PeerIdentityTests {
    private func identity(commonName: String, _ names: [GeneralName]?) throws -> PeerIdentity {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName {
            OrganizationName("Carrier")
            CommonName(commonName)
        }
        let certificate = try Certificate(
            version: .v3, serialNumber: 7, publicKey: .init(key.publicKey), notValidBefore: Date(),
            notValidAfter: Date(timeIntervalSince1970: 2_000_000_000), issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions { if let names { SubjectAlternativeNames(names) } },
            issuerPrivateKey: .init(key))
        return PeerIdentity(certificate)
    }

    @Test(
        "SIP identities are found as RFC 5922 section 7.1 says",
        arguments: [
            ([.uniformResourceIdentifier("sip:Example.org"), .dnsName("host.example.org")], ["example.org"]),
            ([.uniformResourceIdentifier("SIP:example.org:5061;transport=tls")], ["example.org"]),
            ([.uniformResourceIdentifier("sips:example.org"), .dnsName("host.example.org")], ["host.example.org"]),
            ([.uniformResourceIdentifier("sip:alice@example.org")], []),
            ([.dnsName("A.example.org"), .dnsName("b.example.org")], ["a.example.org", "b.example.org"]),
            ([.rfc822Name("a@example.org")], []),
            ([.dnsName("*.example.org")], []),
            ([.dnsName("evil\u{0}.example.org")], []),
            ([], []),
            (nil, ["cn.example.org"]),
        ] as [([GeneralName]?, [String])])
    func sipIdentitiesFoundAs(names: [GeneralName]?, found: [String]) throws {
        #expect(try identity(commonName: "CN.example.org", names).sipIdentities == found)
    }

    @Test(
        "a domain is covered when it is the same",
        arguments: [
            ("example.org", true), ("EXAMPLE.org", true), ("example.org.", true), ("sub.example.org", false),
            ("org", false), ("192.0.2.1", true), ("192.0.2.2", false), ("", false),
        ])
    func domainCoveredWhenSame(name: String, covered: Bool) throws {
        let identity = try identity(
            commonName: "x", [.dnsName("example.org"), .ipAddress(ASN1OctetString(contentBytes: [192, 0, 2, 1]))])
        #expect(identity.covers(name) == covered)
    }

    @Test("names and expiry are told")
    func namesExpiryTold() throws {
        let identity = try identity(commonName: "x", nil)
        #expect(identity.subject == "CN=x,O=Carrier")
        #expect(identity.issuer == identity.subject)
        #expect(identity.notAfter == 2_000_000_000_000)
    }
}
