import CoreTypes
import Crypto
import Foundation
import Registry
import Testing

@Suite("Experts")
final class ExpertTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func expert(_ id: String = "expert-safety@external.advisor") -> RegistrySnapshot.Expert {
        .init(
            id: id, name: "Dr. Ada Śafety", organization: "Council", specializations: ["safety", "alignment"],
            isVerified: false, contact: "sips:ada@203.0.113.9:5061;transport=tls")
    }

    @Test("an expert is entered, verified, given keys, shown and removed")
    func life() throws {
        let store = try scratch.store()
        try store.addExpert(expert("Expert-Safety@External.Advisor"))
        try store.setExpert("Expert-Safety@external.advisor", verified: true)
        let raw = Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation)
        let key = RegistrySnapshot.Key(id: "k1", publicKey: raw, notBefore: 5, notAfter: 9)
        try store.addKey(key, to: "Expert-Safety@external.advisor")
        try store.addKey(.init(id: "k2", publicKey: raw), to: "Expert-Safety@external.advisor")
        var expected = expert("Expert-Safety@external.advisor")
        expected.isVerified = true
        expected.keys = [key, .init(id: "k2", publicKey: raw)]
        #expect(try store.expert("Expert-Safety@EXTERNAL.advisor") == expected)
        #expect(try store.snapshot().experts == [expected])
        try store.removeKey("k1", from: expected.id)
        #expect(try store.experts().first?.keys.map(\.id) == ["k2"])
        try store.removeExpert(expected.id)
        #expect(try store.experts().isEmpty)
        // A removed expert's keys do not come back with the next of that name.
        try store.addExpert(expected)
        #expect(try store.expert(expected.id).keys.isEmpty)
        #expect(
            try store.pendingChanges().map(\.action) == [
                "expert.add", "expert.verify", "expert.key.add", "expert.key.add", "expert.key.remove", "expert.remove",
                "expert.add",
            ])
    }

    @Test("a change becomes an event that says who did what to whom")
    func changeEvent() throws {
        let store = try scratch.store()
        try store.addExpert(expert())
        let change = try #require(try store.pendingChanges().first)
        #expect(change.event.kind == .adminChange)
        #expect(change.event.expertID == expert().id)
        #expect(
            change.event.details.map(\.name) == ["action", "object", "actor", "change", "after"])
        #expect(change.event.details[0].value == "expert.add")
        #expect(change.event.details[2].value == "operator")
    }

    @Test("an expert that can't be is refused")
    func invalid() throws {
        let store = try scratch.store()
        var wrong: [RegistrySnapshot.Expert] = []
        for change in [
            { $0.id = "nobody" }, { $0.name = "" }, { $0.name = "a\u{1b}b" }, { $0.organization = "\n" },
            { $0.specializations = [] }, { $0.specializations = ["safety first"] }, { $0.contact = "tel:+123" },
            { $0.contact = "sip:" }, { $0.contact = "sip:a@b\r\nX: y" }, { $0.contact = "sip:a@b>" },
        ] as [(inout RegistrySnapshot.Expert) -> Void] {
            var expert = expert()
            change(&expert)
            wrong.append(expert)
        }
        for expert in wrong {
            let error = #expect(throws: RegistryError.self, "\(expert)") { try store.addExpert(expert) }
            #expect(error?.code == .invalid)
        }
        try store.addExpert(expert())
        let error = #expect(throws: RegistryError.self) { try store.addExpert(expert()) }
        #expect(error?.code == .exists)
    }

    @Test("keys that are none, not yet, or there already are refused")
    func invalidKeys() throws {
        let store = try scratch.store()
        let id = expert().id
        let raw = [UInt8](repeating: 7, count: 32)
        var error = #expect(throws: RegistryError.self) { try store.addKey(.init(id: "k", publicKey: raw), to: id) }
        #expect(error?.code == .notFound)
        try store.addExpert(expert())
        try store.addKey(.init(id: "k", publicKey: raw), to: id)
        for (key, code) in [
            (RegistrySnapshot.Key(id: "k", publicKey: raw), RegistryError.Code.exists),
            (.init(id: "a:b", publicKey: raw), .invalid), (.init(id: "l", publicKey: [1]), .invalid),
            (.init(id: "l", publicKey: raw, notBefore: 9, notAfter: 9), .invalid),
        ] {
            error = #expect(throws: RegistryError.self) { try store.addKey(key, to: id) }
            #expect(error?.code == code)
        }
        error = #expect(throws: RegistryError.self) { try store.removeKey("x", from: id) }
        #expect(error?.code == .notFound)
    }

    @Test("a public key is read from PEM and from base64, and nothing else")
    func keyFiles() throws {
        // As 'openssl genpkey -algorithm ed25519 | openssl pkey -pubout' writes it (RFC 8410 section 10.1).
        let body = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
        let pem = "-----BEGIN PUBLIC KEY-----\n\(body)\n-----END PUBLIC KEY-----\n"
        let raw = Array(try #require(Data(base64Encoded: body)).suffix(32))
        #expect(try Ed25519PublicKey.parse(pem) == raw)
        #expect(try Ed25519PublicKey.parse(pem.replacingOccurrences(of: "\n", with: "\r\n")) == raw)
        #expect(try Ed25519PublicKey.parse(Data(raw).base64EncodedString() + "\n") == raw)
        for text in [
            "", "nonsense", Data(raw.dropLast()).base64EncodedString(),
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                + "-----END PRIVATE KEY-----",
        ] {
            let error = #expect(throws: RegistryError.self, "\(text)") { try Ed25519PublicKey.parse(text) }
            #expect(error?.code == .invalid)
        }
    }
}
