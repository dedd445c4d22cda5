internal import CDatagrams
internal import CoreTypes

/// Room for datagrams that are received with one system call.
final class DatagramInbox {
    /// Datagrams at a time.
    static let room = 32

    private let datagrams: OpaquePointer?

    /// - Parameter largest: octets of the largest datagram.
    init(largest: Int) {
        datagrams = sp_datagrams_make(UInt32(Self.room), largest)
    }

    deinit {
        sp_datagrams_free(datagrams)
    }

    /// Takes what waits, without waiting for it.
    /// - Returns: how many datagrams there were; -1 on an error.
    func receive(from descriptor: CInt, _ body: (UnsafeRawBufferPointer, Endpoint) -> Void) -> Int {
        guard let datagrams else { return -1 }
        let count = sp_datagrams_receive(datagrams, descriptor)
        guard count > 0 else { return Int(count) }
        for index in 0..<count {
            let datagram = sp_datagrams_at(datagrams, index)
            guard let remote = Endpoint(datagram) else { continue }
            body(UnsafeRawBufferPointer(start: datagram.octets, count: datagram.length), remote)
        }
        return Int(count)
    }
}

/// Datagrams that leave with one system call.
final class DatagramOutbox {
    private static let room = 64
    private static let octets = 128 << 10

    private let datagrams = sp_outbox_make(UInt32(room), octets)
    private var tickets: [UInt64] = []

    deinit {
        sp_outbox_free(datagrams)
    }

    var isEmpty: Bool { tickets.isEmpty }

    /// - Returns: false when there is no room for it.
    func add(_ bytes: [UInt8], to remote: Endpoint, family: IPAddress.Family, ticket: UInt64) -> Bool {
        guard let datagrams else { return false }
        let isAdded = remote.withRaw(family: family) { address, length in
            Int(sp_outbox_add(datagrams, bytes, bytes.count, address, length))
        }
        guard isAdded == 1 else { return false }
        tickets.append(ticket)
        return true
    }

    /// Sends all.
    /// - Parameter failed: is told the ticket and the error number of each datagram that the kernel did not take.
    func send(over descriptor: CInt, failed: (UInt64, CInt) -> Void) {
        guard let datagrams else { return }
        var next = 0
        while next < tickets.count {
            let sent = sp_outbox_send(datagrams, descriptor, UInt32(next))
            if sent > 0 {
                next += Int(sent)
            } else {
                failed(tickets[next], -sent)
                next += 1
            }
        }
        sp_outbox_clear(datagrams)
        tickets.removeAll(keepingCapacity: true)
    }
}
