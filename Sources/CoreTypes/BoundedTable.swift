/// A dictionary that never holds more than `capacity` entries: a new key pushes out the one unused for longest.
///
/// Everything that a stranger's packets can make grow lives in one of these. All operations take constant time; memory
/// grows with use up to the capacity and is given back when the table empties.
public struct BoundedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var key: Key
        /// Nil while it is being changed: then the caller holds the only reference, and arrays in it aren't copied.
        var value: Value?
        var newer: Int
        var older: Int
    }

    public let capacity: Int
    private var index: [Key: Int] = [:]
    private var slots: [Slot?] = []
    private var free: [Int] = []
    private var newest = -1
    private var oldest = -1

    /// - Parameter capacity: the most entries held, at least 1.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    public var count: Int { index.count }
    public var isEmpty: Bool { index.isEmpty }

    /// The value of a key without counting as a use of it.
    public func peek(_ key: Key) -> Value? {
        index[key].flatMap { slots[$0]?.value }
    }

    /// Reads, changes, inserts or (by setting nil) removes an entry, and makes it the most recently used.
    /// - Returns: what `body` returns, and the entry that had to make room, if any.
    @discardableResult
    public mutating func withEntry<Result>(
        _ key: Key, _ body: (inout Value?) -> Result
    ) -> (result: Result, evicted: (key: Key, value: Value)?) {
        if let slot = index[key] {
            var value = slots[slot]?.value
            slots[slot]?.value = nil
            let result = body(&value)
            if let value {
                slots[slot]?.value = value
                touch(slot)
            } else {
                remove(slot: slot)
            }
            return (result, nil)
        }
        var value: Value?
        let result = body(&value)
        guard let value else { return (result, nil) }
        let evicted = index.count >= capacity ? removeOldest() : nil
        insert(key, value)
        return (result, evicted)
    }

    /// - Returns: the entry that had to make room, if any.
    @discardableResult
    public mutating func set(_ key: Key, _ value: Value) -> (key: Key, value: Value)? {
        withEntry(key) { $0 = value }.evicted
    }

    @discardableResult
    public mutating func removeValue(forKey key: Key) -> Value? {
        guard let slot = index[key] else { return nil }
        return remove(slot: slot)?.value
    }

    /// The entry unused for longest.
    public var oldestEntry: (key: Key, value: Value)? {
        guard oldest >= 0, let slot = slots[oldest], let value = slot.value else { return nil }
        return (slot.key, value)
    }

    @discardableResult
    public mutating func removeOldest() -> (key: Key, value: Value)? {
        guard oldest >= 0 else { return nil }
        return remove(slot: oldest)
    }

    /// All keys, in no particular order.
    public var keys: some Collection<Key> { index.keys }
    /// All entries, in no order; looking at them is no use of them.
    public var entries: [(key: Key, value: Value)] {
        slots.compactMap { slot in slot.flatMap { slot in slot.value.map { (slot.key, $0) } } }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        let slot: Int
        let entry = Slot(key: key, value: value, newer: -1, older: newest)
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = entry
        } else {
            slot = slots.count
            slots.append(entry)
        }
        if newest >= 0 { slots[newest]?.newer = slot }
        newest = slot
        if oldest < 0 { oldest = slot }
        index[key] = slot
    }

    @discardableResult
    private mutating func remove(slot: Int) -> (key: Key, value: Value)? {
        guard let entry = slots[slot] else { return nil }
        unlink(entry)
        slots[slot] = nil
        index.removeValue(forKey: entry.key)
        if index.isEmpty {
            slots = []
            free = []
            index = [:]
        } else {
            free.append(slot)
        }
        return entry.value.map { (entry.key, $0) }
    }

    private mutating func unlink(_ entry: Slot) {
        if entry.newer >= 0 { slots[entry.newer]?.older = entry.older } else { newest = entry.older }
        if entry.older >= 0 { slots[entry.older]?.newer = entry.newer } else { oldest = entry.newer }
    }

    private mutating func touch(_ slot: Int) {
        guard slot != newest, var entry = slots[slot] else { return }
        unlink(entry)
        entry.newer = -1
        entry.older = newest
        slots[slot] = entry
        if newest >= 0 { slots[newest]?.newer = slot }
        newest = slot
        if oldest < 0 { oldest = slot }
    }
}
