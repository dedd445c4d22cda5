internal import Foundation
internal import GRDB

extension RegistrySnapshot.Expert {
    fileprivate var facts: [String: String] {
        var facts = [
            "name": name, "organization": organization, "specializations": specializations.joined(separator: " "),
            "verified": isVerified ? "yes" : "no",
        ]
        facts["contact"] = contact
        return facts
    }
}

extension RegistryStore {
    /// - Parameter expert: its keys are not looked at, see ``addKey(_:to:)``.
    public func addExpert(_ expert: RegistrySnapshot.Expert) throws(RegistryError) {
        let name = try AccountName(parsing: expert.id)
        let display = try AccountName.label(expert.name, "name", atMost: 128)
        let organization = try AccountName.label(expert.organization, "organization", atMost: 128)
        guard !expert.specializations.isEmpty else {
            throw RegistryError(.invalid, "an expert needs at least one specialization")
        }
        var specializations: [String] = []
        for text in expert.specializations {
            let specialization = try AccountName.token(text, "specialization")
            if !specializations.contains(specialization) { specializations.append(specialization) }
        }
        if let contact = expert.contact { try Self.checkContact(contact) }
        try write { database in
            guard try self.expert(name, in: database) == nil else {
                throw RegistryError(.exists, "expert \(name.text) exists already: remove it first to enter it anew")
            }
            let now = clock()
            try database.execute(
                sql: """
                    INSERT INTO expert (aor, name, organization, specializations, verified, contact, created_at,
                        updated_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    name.text, display, organization,
                    String(decoding: try JSONEncoder().encode(specializations), as: UTF8.self), expert.isVerified,
                    expert.contact, now, now,
                ])
            try note(
                "expert.add", name.text, before: nil, after: self.expert(name, in: database)?.facts, in: database)
        }
    }

    public func experts() throws(RegistryError) -> [RegistrySnapshot.Expert] {
        try read { database in
            try ExpertReader.all(in: database).experts
        }
    }

    public func expert(_ aor: String) throws(RegistryError) -> RegistrySnapshot.Expert {
        let name = try AccountName(parsing: aor)
        return try read { try existing(name, in: $0) }
    }

    public func removeExpert(_ aor: String) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try write { database in
            let before = try existing(name, in: database)
            try database.execute(sql: "DELETE FROM expert WHERE aor = ?", arguments: [name.text])
            try note("expert.remove", name.text, before: before.facts, after: nil, in: database)
        }
    }

    /// Says that the expert is who the registry says, or that this is in doubt.
    public func setExpert(_ aor: String, verified isVerified: Bool) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try write { database in
            let before = try existing(name, in: database)
            try database.execute(
                sql: "UPDATE expert SET verified = ?, updated_at = ? WHERE aor = ?",
                arguments: [isVerified, clock(), name.text])
            try note(
                isVerified ? "expert.verify" : "expert.doubt", name.text, before: before.facts,
                after: existing(name, in: database).facts,
                in: database)
        }
    }

    /// - Throws: `notFound` for the expert, `exists` for the key's id, `invalid`.
    public func addKey(_ key: RegistrySnapshot.Key, to aor: String) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        let id = try AccountName.token(key.id, "key id")
        guard key.publicKey.count == 32 else { throw RegistryError(.invalid, "an Ed25519 public key has 32 octets") }
        if let start = key.notBefore, let end = key.notAfter, start >= end {
            throw RegistryError(.invalid, "the key would be valid only after it has ended")
        }
        try write { database in
            let expert = try existing(name, in: database)
            guard !expert.keys.contains(where: { $0.id == id }) else {
                throw RegistryError(.exists, "expert \(name.text) has a key \(id) already: give this one another id")
            }
            try database.execute(
                sql: """
                    INSERT INTO expert_key (aor, key_id, public_key, not_before, not_after, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [name.text, id, Data(key.publicKey), key.notBefore, key.notAfter, clock()])
            try note("expert.key.add", name.text, before: nil, after: Self.facts(of: key), in: database)
        }
    }

    public func removeKey(_ id: String, from aor: String) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try write { database in
            guard let key = try existing(name, in: database).keys.first(where: { $0.id == id }) else {
                throw RegistryError(.notFound, "expert \(name.text) has no key \(quoted(id)): see 'expert show'")
            }
            try database.execute(
                sql: "DELETE FROM expert_key WHERE aor = ? AND key_id = ?", arguments: [name.text, id])
            try note("expert.key.remove", name.text, before: Self.facts(of: key), after: nil, in: database)
        }
    }

    private static func facts(of key: RegistrySnapshot.Key) -> [String: String] {
        var facts = ["key": key.id, "public_key": Data(key.publicKey).base64EncodedString()]
        facts["not_before"] = key.notBefore.map(String.init)
        facts["not_after"] = key.notAfter.map(String.init)
        return facts
    }

    static func checkContact(_ text: String) throws(RegistryError) {
        let scheme = text.lowercased()
        let isPrintable = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3c && $0 != 0x3e }
        let rest = text.drop { $0 != ":" }.dropFirst()
        guard scheme.hasPrefix("sip:") || scheme.hasPrefix("sips:"), isPrintable, !rest.isEmpty,
            text.utf8.count <= 256
        else {
            throw RegistryError(.invalid, "\(quoted(text)) is no contact: write sip:user@host or sips:user@host:port")
        }
    }

    private func existing(_ name: AccountName, in database: Database) throws -> RegistrySnapshot.Expert {
        guard let expert = try expert(name, in: database) else {
            throw RegistryError(.notFound, "there is no expert \(name.text): see 'expert list'")
        }
        return expert
    }

    private func expert(_ name: AccountName, in database: Database) throws -> RegistrySnapshot.Expert? {
        try ExpertReader.all(in: database, aor: name.text).experts.first
    }
}
