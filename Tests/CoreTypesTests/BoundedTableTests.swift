import CoreTypes
import Testing

@Suite("Bounded table")
struct BoundedTableTests {
    @Test("the entry unused for longest makes room for a new one")
    func eviction() {
        var table = BoundedTable<Int, String>(capacity: 2)
        table.set(1, "one")
        table.set(2, "two")
        table.withEntry(1) { _ in }
        let evicted = table.set(3, "three")
        #expect(evicted?.key == 2)
        #expect(table.peek(1) == "one")
        #expect(table.count == 2)
    }

    @Test("a million distinct keys leave only the capacity behind")
    func million() {
        var table = BoundedTable<Int, Int>(capacity: 1000)
        for key in 0..<1_000_000 { table.set(key, key) }
        #expect(table.count == 1000)
        #expect(table.peek(999_999) == 999_999)
        #expect(table.peek(0) == nil)
    }

    @Test("it behaves as a list of uses, whatever the order of operations")
    func againstModel() {
        var generator = SystemRandomNumberGenerator()
        var table = BoundedTable<Int, Int>(capacity: 8)
        var model: [(key: Int, value: Int)] = []
        for step in 0..<20_000 {
            let key = Int.random(in: 0..<16, using: &generator)
            if Bool.random(using: &generator) {
                table.set(key, step)
                model.removeAll { $0.key == key }
                model.append((key, step))
                if model.count > 8 { model.removeFirst() }
            } else {
                #expect(table.removeValue(forKey: key) == model.first { $0.key == key }?.value)
                model.removeAll { $0.key == key }
            }
            #expect(table.oldestEntry?.key == model.first?.key)
            #expect(table.count == model.count)
        }
    }
}
