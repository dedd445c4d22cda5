import CoreTypes
import Defense
import SIPMessage
import SIPTransaction
import Transport

/// A new request that all layers of its profile have passed.
struct Admission {
    var request: Message
    var key: ServerTransactionKey
    var report: PassageReport
    var approach: Approach
    var entrance: Entrance
    /// Which time this is that a call comes by.
    var pass: Int
    var flow: Flow
    /// Where it has had to wait: it has its server transaction already.
    var context: ProxyContext?
}
