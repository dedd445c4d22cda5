import CoreTypes
import SIPMessage
import SIPProxy
import Testing
import TortureMessages

/// What the parser leaves to the checks of a proxy (RFC 3261 section 16.3).
@Suite("Torture messages at the proxy's checks")
struct TortureCheckTests {
    @Test(
        "the table's verdict for the edge is that of the checks",
        arguments: TortureCase.all.filter { $0.parser == .forward })
    func checked(_ torture: TortureCase) throws {
        let branches = BranchMint(secret: NodeSecret([UInt8](repeating: 7, count: 32)), shard: 0, start: 1)
        for bytes in [torture.bytes] + (TortureCase.hasVectors ? [try torture.vector()] : []) {
            let message = try Message(parsing: bytes)
            guard message.isRequest else {
                #expect(torture.edge == .discard)
                continue
            }
            switch torture.edge {
            case .forward: #expect(RequestCheck.examine(message, branches: branches) == nil)
            // Not for these checks to see: only the edge knows its calls.
            case .refuse(481): #expect(message.isInDialog)
            case .refuse(let status): #expect(RequestCheck.examine(message, branches: branches)?.status == status)
            case .discard: Issue.record("a request that can be read is answered")
            }
            #expect(message.isInDialog == (torture.edge == .refuse(481)))
        }
    }
}
