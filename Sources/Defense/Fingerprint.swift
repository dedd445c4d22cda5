import SIPMessage

extension Message {
    /// The same for a retransmission and its original, different for anything else; never 0.
    var retransmissionFingerprint: UInt64 {
        var hasher = Hasher()
        bytes.withUnsafeBytes { octets in
            func combine(_ range: Range<Int>?) {
                let range = (range ?? 0..<0).clamped(to: 0..<octets.count)
                hasher.combine(range.count)
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: octets[range]))
            }
            combine(topViaShape.branch)
            combine(callIDRange)
            combine(fromTagRange)
        }
        hasher.combine(cSeq)
        let value = UInt64(bitPattern: Int64(hasher.finalize()))
        return value == 0 ? 1 : value
    }
}
