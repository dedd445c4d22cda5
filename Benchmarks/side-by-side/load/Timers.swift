/// Timers of one length each: what was armed first is due first.
struct TimerQueue {
    struct Entry {
        var deadline: UInt64
        var number: CallNumber
        var epoch: UInt16
        var isCalled: Bool
    }

    let length: UInt64
    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 1024
    private var head = 0
    private var count = 0

    init(seconds: Double) {
        length = UInt64(seconds * 1e9)
        entries = .allocate(capacity: capacity)
    }

    mutating func arm(_ number: CallNumber, _ epoch: UInt16, isCalled: Bool, now: UInt64) {
        if count == capacity { grow() }
        (entries + (head + count) & (capacity - 1)).initialize(
            to: Entry(deadline: now + length, number: number, epoch: epoch, isCalled: isCalled))
        count += 1
    }

    var next: UInt64? { count > 0 ? entries[head].deadline : nil }

    mutating func takeDue(_ now: UInt64) -> Entry? {
        guard count > 0, entries[head].deadline <= now else { return nil }
        let entry = entries[head]
        head = (head + 1) & (capacity - 1)
        count -= 1
        return entry
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        for index in 0..<count { (larger + index).initialize(to: entries[(head + index) & (capacity - 1)]) }
        entries.deallocate()
        entries = larger
        head = 0
        capacity *= 2
    }
}

/// RFC 3261's T1, doubled up to T2; how long a call is up; when it is given up.
struct Timers {
    var retransmissions = [0.5, 1, 2, 4].map { TimerQueue(seconds: $0) }
    var hold: TimerQueue
    var giveUp: TimerQueue

    init(_ plan: Plan) {
        hold = TimerQueue(seconds: plan.hold ?? 0)
        giveUp = TimerQueue(seconds: plan.giveUp)
    }

    var next: UInt64 {
        var result = min(hold.next ?? .max, giveUp.next ?? .max)
        for queue in retransmissions { result = min(result, queue.next ?? .max) }
        return result
    }
}
