/// Many timers, each armed and disarmed in constant time: four wheels of 256 slots, each 256 times as coarse as the one
/// below. Time goes in as nanoseconds on any steadily growing clock.
public struct TimerWheel<Payload> {
    /// Names an armed timer; stays harmless after the timer fired or was disarmed.
    public struct Handle: Hashable, Sendable {
        fileprivate let slot: Int32
        fileprivate let generation: UInt32
    }

    fileprivate struct Entry {
        var payload: Payload?
        var tick: UInt64 = 0
        var generation: UInt32 = 0
        var bucket: Int32 = -1
        var next: Int32 = -1
        var previous: Int32 = -1
    }

    private static var slotBits: UInt64 { 8 }
    private static var slotsPerWheel: Int { 256 }
    private static var wheels: Int { 4 }

    /// Nanoseconds a tick; timers fire up to one tick late, never early.
    public let resolution: UInt64
    private var entries: [Entry] = []
    private var free: [Int32] = []
    private var heads: [Int32]
    private var tick: UInt64
    public private(set) var count = 0

    public init(resolution: Duration = .milliseconds(5), now: UInt64) {
        self.resolution = UInt64(max(1, resolution.components.attoseconds / 1_000_000_000))
        self.heads = Array(repeating: -1, count: Self.slotsPerWheel * Self.wheels)
        self.tick = now / self.resolution
    }

    /// Arms a timer that fires at the first `advance` at or after `deadline`.
    public mutating func arm(at deadline: UInt64, _ payload: Payload) -> Handle {
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
        } else {
            slot = Int32(entries.count)
            entries.append(Entry())
        }
        let index = Int(slot)
        entries[index].payload = payload
        entries[index].tick = max(deadline / resolution + 1, tick + 1)
        place(slot)
        count += 1
        return Handle(slot: slot, generation: entries[index].generation)
    }

    /// - Returns: whether the timer was still armed.
    @discardableResult
    public mutating func disarm(_ handle: Handle) -> Bool {
        let index = Int(handle.slot)
        guard entries.indices.contains(index), entries[index].generation == handle.generation,
            entries[index].payload != nil
        else { return false }
        unlink(handle.slot)
        release(handle.slot)
        return true
    }

    /// Moves the clock on and returns what fires, in order of deadline to within a tick.
    public mutating func advance(to now: UInt64) -> [Payload] {
        let target = now / resolution
        var fired: [Payload] = []
        while tick < target {
            guard count > 0 else {
                tick = target
                break
            }
            tick += 1
            cascade()
            let bucket = Int(tick & 255)
            while heads[bucket] >= 0 {
                let slot = heads[bucket]
                unlink(slot)
                if let payload = release(slot) { fired.append(payload) }
            }
        }
        return fired
    }

    /// When `advance` should be called next: exact for what is near, the next cascade for what is far; nil when no
    /// timer is armed.
    public var nextDeadline: UInt64? {
        guard count > 0 else { return nil }
        let untilCascade = 256 - (tick & 255)
        for ahead in 1...untilCascade where heads[Int((tick + ahead) & 255)] >= 0 {
            return (tick + ahead) * resolution
        }
        return (tick + untilCascade) * resolution
    }

    /// Moves timers of a coarser wheel down when the finer one has gone round.
    private mutating func cascade() {
        var level = 1
        while level < Self.wheels, tick & ((1 << (Self.slotBits * UInt64(level))) - 1) == 0 {
            let slotInWheel = Int(tick >> (Self.slotBits * UInt64(level)) & 255)
            let bucket = level * Self.slotsPerWheel + slotInWheel
            var slot = heads[bucket]
            heads[bucket] = -1
            while slot >= 0 {
                let next = entries[Int(slot)].next
                place(slot)
                slot = next
            }
            level += 1
        }
    }

    private mutating func place(_ slot: Int32) {
        let index = Int(slot)
        let due = max(entries[index].tick, tick)
        let distance = due - tick
        var level = 0
        while level < Self.wheels - 1, distance >= 1 << (Self.slotBits * UInt64(level + 1)) { level += 1 }
        // Beyond the coarsest wheel a timer waits in its last slot and is placed anew from there.
        let capped = min(due, tick + (1 << (Self.slotBits * UInt64(Self.wheels))) - 1)
        let bucket = level * Self.slotsPerWheel + Int(capped >> (Self.slotBits * UInt64(level)) & 255)
        entries[index].bucket = Int32(bucket)
        entries[index].previous = -1
        entries[index].next = heads[bucket]
        if heads[bucket] >= 0 { entries[Int(heads[bucket])].previous = slot }
        heads[bucket] = slot
    }

    private mutating func unlink(_ slot: Int32) {
        let entry = entries[Int(slot)]
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[Int(entry.bucket)] = entry.next
        }
        if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
    }

    @discardableResult
    private mutating func release(_ slot: Int32) -> Payload? {
        let index = Int(slot)
        let payload = entries[index].payload
        entries[index].payload = nil
        entries[index].generation &+= 1
        free.append(slot)
        count -= 1
        return payload
    }
}

extension TimerWheel: Sendable where Payload: Sendable {}
extension TimerWheel.Entry: Sendable where Payload: Sendable {}
