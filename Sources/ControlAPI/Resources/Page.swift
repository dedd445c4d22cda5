/// A part of a list, in the order of its items' keys.
struct Page<Item: Sendable>: Sendable {
    let items: [Item]
    /// What to give as `after` for the next page; nil when there is none.
    let next: String?

    /// - Parameter key: unique, and what `items` are in order of.
    init(_ items: [Item], for inquiry: Inquiry, key: (Item) -> String) {
        let rest = inquiry["after"].map { after in Array(items.drop { key($0) != after }.dropFirst()) } ?? items
        self.items = Array(rest.prefix(inquiry.limit))
        next = rest.count > inquiry.limit ? self.items.last.map(key) : nil
    }

    static func schema(_ name: String, _ item: Schema) -> Schema {
        .object([.needed(name, .array(item, count: 0...1000)), .maybe("next", .string())])
    }
}
