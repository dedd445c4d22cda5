extension MessageParser {
    /// What an answer to what was not understood can carry.
    mutating func replyFields() -> ReplyFields? {
        let vias = index.vias.isEmpty ? salvagedVia.map { [$0] } ?? [] : index.vias
        guard bytes.count >= 4, !bytes.matches(0..<4, lowercase: "sip/"), !vias.isEmpty, let from = seen.from?.range,
            let to = seen.to?.range, let callID = seen.callID?.range, let cSeq = seen.cSeq?.range
        else { return nil }
        // Only what can be echoed without harm: no folds, no controls that a sloppy parser could take for a line end.
        func isClean(_ range: Range<Int>) -> Bool {
            !range.isEmpty && bytes[range].allSatisfy { $0 >= .space && $0 != 0x7f || $0 == .tab }
        }
        guard isClean(from), isClean(to), isClean(callID), isClean(cSeq), vias.allSatisfy({ isClean($0.range) })
        else { return nil }
        var scanner = Scanner(bytes, to)
        let hasToTag =
            scanner.nameAddress(&ledger).map { address in
                HeaderParameters(bytes, address.parameters).contains { bytes.matches($0.name, lowercase: "tag") }
            } ?? true
        return ReplyFields(
            bytes: bytes, vias: vias, from: from, to: to, callID: callID, cSeq: cSeq, hasToTag: hasToTag,
            isAck: bytes.starts(with: "ACK ".utf8))
    }
}
