internal import CDatagrams
internal import CoreTypes
internal import NIOCore

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

/// Whether so many datagrams come that polling for them is less work than being told of each.
struct ReadingPace {
    /// Datagrams within a window above which it is.
    private static let high = 40
    /// Nanoseconds: 20 ms.
    private static let window: UInt64 = 20_000_000

    private var began: UInt64 = 0
    private var seen = 0
    private var wasHigh = false
    /// Nanoseconds until it is worth looking again: 1 ms, and less where more than a few datagrams come in that time,
    /// since what a flood sends stands before what a caller sends.
    private(set) var interval = Self.longest

    private static let longest: Int64 = 1_000_000
    private static let shortest: Int64 = 100_000
    /// Datagrams.
    private static let worthALook: Int64 = 64

    mutating func count(_ datagrams: Int) {
        seen += datagrams
    }

    mutating func isHigh() -> Bool {
        let now = NIODeadline.now().uptimeNanoseconds
        guard now - began >= Self.window else { return wasHigh }
        // Of a longer pause only the last window's share counts.
        let windows = (now - began) / Self.window
        let inWindow = seen / Int(clamping: windows)
        wasHigh = inWindow >= Self.high
        interval = min(Self.longest, max(Self.shortest, Int64(Self.window) * Self.worthALook / Int64(max(1, inWindow))))
        began = now
        seen = 0
        return wasHigh
    }
}
