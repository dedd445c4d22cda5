import SIPMessage

extension Message {
    /// The same for a retransmission and its original, different for anything else; never 0.
    var retransmissionFingerprint: UInt64 {
        var hasher = Hasher()
        hasher.combine(topVia.branch)
        hasher.combine(cSeq)
        hasher.combine(callID)
        hasher.combine(fromTag)
        let value = UInt64(bitPattern: Int64(hasher.finalize()))
        return value == 0 ? 1 : value
    }
}
