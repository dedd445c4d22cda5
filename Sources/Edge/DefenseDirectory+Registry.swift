import CoreTypes
import Defense
import Registry
import SIPMessage

extension DefenseDirectory {
    /// The registry's rows in the shape that the layers look things up in.
    /// - Parameter realm: where subscribers without a domain belong, as Kamailio keeps them with `use_domain=0`.
    init(_ snapshot: RegistrySnapshot, realm: String?) {
        let entries = snapshot.addresses.map { row in
            AllowlistEntry(
                network: row.network, group: row.group, port: row.port, transport: row.transport, tag: row.tag)
        }
        let subscribers = snapshot.subscribers.map { row in
            let hashes = [
                (DigestAlgorithm.md5, row.ha1.md5), (.sha256, row.ha1.sha256), (.sha512_256, row.ha1.sha512_256),
            ]
            return Subscriber(
                username: row.username, domain: row.domain.isEmpty ? realm ?? "" : row.domain,
                ha1: hashes.reduce(into: [:]) { known, entry in
                    known[entry.0] = entry.1.map { String(decoding: $0, as: UTF8.self) }
                },
                isEnabled: row.isEnabled)
        }
        let experts = snapshot.experts.map { row in
            Expert(
                id: row.id, name: row.name, organization: row.organization,
                specializations: Set(row.specializations), isVerified: row.isVerified,
                contact: row.contact.flatMap { URI($0) },
                keys: row.keys.map { key in
                    ExpertKey(id: key.id, publicKey: key.publicKey, notBefore: key.notBefore, notAfter: key.notAfter)
                })
        }
        self.init(
            allowlist: Allowlist(entries), subscribers: SubscriberDirectory(subscribers),
            experts: ExpertDirectory(experts))
    }
}

extension BanList {
    /// - Parameter neverBanned: whom no row of the registry can ban.
    init(_ snapshot: RegistrySnapshot, except neverBanned: [IPNetwork]) {
        let bans = snapshot.bans.filter { ban in !neverBanned.contains { $0.contains(ban.address) } }
        self.init(bans.map { ($0.address, $0.until) })
    }
}
