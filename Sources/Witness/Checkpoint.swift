internal import CoreTypes

/// A signed statement in the log that everything before it is as the node wrote it.
///
/// The signature is over these lines, joined by LF, in UTF-8: `sallyport-checkpoint-v1`, the record's `source`, the
/// record's `timestamp`, `records`, `upto_seq`, `head`.
struct Checkpoint: Equatable {
    /// How many records it adds to what the checkpoint before it covered.
    var records: Int
    /// The sequence number of the record before the checkpoint, the last one covered.
    var uptoSequence: Int
    /// The hash of that record.
    var head: String
    var keyID: String
    /// Base64 of the Ed25519 signature.
    var signature: String

    static func signedText(source: String, timestamp: String, records: Int, uptoSequence: Int, head: String) -> String {
        "sallyport-checkpoint-v1\n\(source)\n\(timestamp)\n\(records)\n\(uptoSequence)\n\(head)"
    }

    var event: SecurityEvent {
        SecurityEvent(
            .checkpoint, .info,
            details: [
                .init("records", .integer(records)), .init("upto_seq", .integer(uptoSequence)),
                .init("head", .string(head)), .init("key", .string(keyID)), .init("signature", .string(signature)),
            ])
    }

    /// Nil when the record is no well-formed checkpoint.
    init?(_ record: WitnessRecord) {
        guard record.kind == SecurityEvent.Kind.checkpoint.rawValue,
            case .integer(let records)? = record[detail: "records"],
            case .integer(let upto)? = record[detail: "upto_seq"], case .string(let head)? = record[detail: "head"],
            case .string(let key)? = record[detail: "key"],
            case .string(let signature)? = record[detail: "signature"]
        else { return nil }
        self.init(records: records, uptoSequence: upto, head: head, keyID: key, signature: signature)
    }

    init(records: Int, uptoSequence: Int, head: String, keyID: String, signature: String) {
        self.records = records
        self.uptoSequence = uptoSequence
        self.head = head
        self.keyID = keyID
        self.signature = signature
    }

    /// Why a record is no valid checkpoint; nil when one of the keys signed it and it fits its place in the chain.
    static func defect(in record: WitnessRecord, keys: [WitnessPublicKey]) -> String? {
        guard let checkpoint = Checkpoint(record) else { return "its details are not those of a checkpoint" }
        guard checkpoint.head == record.previous, checkpoint.uptoSequence < record.sequence else {
            return "it speaks of another place in the log"
        }
        guard let key = keys.first(where: { $0.id == checkpoint.keyID }) else {
            return "it is signed with key \(JSONText.escaped(checkpoint.keyID)), which is not this node's"
        }
        let text = signedText(
            source: record.source, timestamp: record.timestamp, records: checkpoint.records,
            uptoSequence: checkpoint.uptoSequence, head: checkpoint.head)
        return key.verifies(signature: checkpoint.signature, of: text) ? nil : "its signature is wrong"
    }
}
