internal import Foundation
internal import GRDB

/// Reads experts with their keys.
enum ExpertReader {
    /// - Parameter aor: nil for all.
    static func all(
        in database: Database, aor: String? = nil
    ) throws -> (experts: [RegistrySnapshot.Expert], problems: [String]) {
        var problems: [String] = []
        var keys: [String: [RegistrySnapshot.Key]] = [:]
        let condition = aor == nil ? "" : "WHERE aor = ?"
        let arguments = aor.map { StatementArguments([$0]) } ?? []
        let keyRows = try Row.fetchCursor(
            database,
            sql:
                "SELECT aor, key_id, public_key, not_before, not_after FROM expert_key \(condition) ORDER BY aor, key_id",
            arguments: arguments)
        while let row = try keyRows.next() {
            let owner = row.text("aor")
            guard let raw = Data.fromDatabaseValue(row["public_key"]), raw.count == 32 else {
                problems.append(
                    "key \(quoted(row.text("key_id"))) of expert \(quoted(owner)) is skipped: no Ed25519 key")
                continue
            }
            keys[owner, default: []].append(
                RegistrySnapshot.Key(
                    id: row.text("key_id"), publicKey: Array(raw),
                    notBefore: Int64.fromDatabaseValue(row["not_before"]),
                    notAfter: Int64.fromDatabaseValue(row["not_after"])))
        }
        var experts: [RegistrySnapshot.Expert] = []
        let rows = try Row.fetchCursor(
            database,
            sql:
                "SELECT aor, name, organization, specializations, verified, contact FROM expert \(condition) ORDER BY aor",
            arguments: arguments)
        while let row = try rows.next() {
            let id = row.text("aor")
            let list = Data(row.text("specializations").utf8)
            guard let specializations = try? JSONDecoder().decode([String].self, from: list) else {
                problems.append("expert \(quoted(id)) is skipped: its specializations are no JSON list of texts")
                continue
            }
            let contact = row.text("contact")
            experts.append(
                RegistrySnapshot.Expert(
                    id: id, name: row.text("name"), organization: row.text("organization"),
                    specializations: specializations, isVerified: Bool.fromDatabaseValue(row["verified"]) ?? false,
                    contact: contact.isEmpty ? nil : contact, keys: keys[id] ?? []))
        }
        return (experts, problems)
    }
}
