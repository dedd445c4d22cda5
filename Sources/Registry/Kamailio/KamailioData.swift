internal import CoreTypes

/// What a Kamailio knows of subscribers and networks, read from where it keeps its tables.
public struct KamailioData: Sendable {
    struct Subscriber: Sendable {
        let name: AccountName
        /// Lower-case hexadecimal digits; empty where there is none.
        let ha1: String
        let ha1b: String
        let password: String
    }

    var subscribers: [Subscriber] = []
    var addresses: [RegistrySnapshot.Address] = []
    /// Rows that can't be used, each a sentence.
    public private(set) var problems: [String] = []

    /// - Parameter source: the path of a SQLite file or of a directory of a text database (db_text), or the URL of a
    ///   PostgreSQL or MySQL server, such as `postgresql://kamailio@db.example.org/kamailio`.
    /// - Throws: `storage`, `corrupt`, `invalid`.
    public init(source: String) throws(RegistryError) {
        let tables = try KamailioTables(source: source)
        guard tables.subscriber != nil || tables.address != nil else {
            throw RegistryError(
                .corrupt, "\(tables.place) has neither a table 'subscriber' nor a table 'address'")
        }
        for row in tables.subscriber ?? [] { addSubscriber(row) }
        for row in tables.address ?? [] { addNetwork(row) }
    }

    private mutating func addSubscriber(_ row: KamailioTables.Row) {
        let text = "\(row["username"] ?? "")@\(row["domain"] ?? "")"
        do {
            let name = try AccountName(parsing: text)
            let ha1 = PasswordHashes.digits(row["ha1"] ?? "", bytes: 16).map { String(decoding: $0, as: UTF8.self) }
            let ha1b = PasswordHashes.digits(row["ha1b"] ?? "", bytes: 16).map { String(decoding: $0, as: UTF8.self) }
            let password = row["password"] ?? ""
            guard ha1 != nil || !password.isEmpty else {
                problems.append("subscriber \(quoted(text)) has neither an MD5 hash nor a password")
                return
            }
            guard password.isEmpty || PasswordHashes.isUsable(password) else {
                problems.append(
                    "subscriber \(quoted(text)) has a password with control characters or of over 1024 bytes")
                return
            }
            subscribers.append(.init(name: name, ha1: ha1 ?? "", ha1b: ha1b ?? "", password: password))
        } catch {
            problems.append("subscriber \(error.description)")
        }
    }

    private mutating func addNetwork(_ row: KamailioTables.Row) {
        let text = "\(row["ip_addr"] ?? "")/\(row["mask"] ?? "32")"
        guard let address = IPAddress(row["ip_addr"] ?? ""), let mask = Int(row["mask"] ?? "32"),
            let network = IPNetwork(address, prefixLength: mask), let group = Int(row["grp"] ?? "1"), group >= 0,
            let port = UInt16(row["port"] ?? "0")
        else {
            problems.append("address \(quoted(text)): its network, group or port can't be read")
            return
        }
        let transport = (row["proto"] ?? "any").lowercased()
        guard transport == "any" || transport.isEmpty || TransportKind(rawValue: transport) != nil else {
            problems.append("address \(quoted(text)): transport \(quoted(transport)) is none that this edge has")
            return
        }
        let tag = row["tag"] ?? ""
        addresses.append(
            .init(
                network: network, group: group, port: port, transport: TransportKind(rawValue: transport),
                tag: RegistryText.isLabel(tag, atMost: 64) ? tag : "kamailio"))
    }
}
