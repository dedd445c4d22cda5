/// Checkpoints of a log that were kept where the node can't reach them: copies of `last-checkpoint.jsonl`, or lines of
/// any `CHECKPOINT`. A log that was cut off, or begun anew, shows against them.
public struct KeptCheckpoints: Sendable {
    /// The hash of each, by its sequence number.
    private(set) var hashes: [Int: String] = [:]

    public init() {}

    /// How many there are.
    public var count: Int { hashes.count }

    /// Reads a file of such lines, 1 MiB at most.
    /// - Throws: code `key` when a line is no checkpoint that one of the keys signed: it would prove nothing.
    public init(file path: String, keys: [WitnessPublicKey]) throws(WitnessError) {
        let bytes: [UInt8]
        do {
            let file = try PosixFile(path, flags: 0)
            defer { file.close() }
            bytes = try file.read(at: 0, count: 1 << 20)
        } catch {
            throw WitnessError(error)
        }
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let place = "\(path):\(index + 1)"
            guard let seal = RecordSeal(line), seal.isIntact, let record = WitnessRecord(line: line) else {
                throw WitnessError(.key, "\(place): not a record; keep whole lines of last-checkpoint.jsonl")
            }
            if let defect = Checkpoint.defect(in: record, keys: keys) {
                throw WitnessError(.key, "\(place): no checkpoint of this node: \(defect)")
            }
            hashes[record.sequence] = record.hash
        }
        guard !hashes.isEmpty else { throw WitnessError(.key, "\(path): holds no checkpoint") }
    }
}
