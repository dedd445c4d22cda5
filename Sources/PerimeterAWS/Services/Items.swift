/// A list in an answer: EC2 calls its entries `item`, the query protocol `member` or by a word of the list's own. One that
/// is left out is empty.
protocol EntryName {
    static var name: String { get }
}

enum ItemName: EntryName { static let name = "item" }
enum MemberName: EntryName { static let name = "member" }

struct Entries<Element: Decodable & Sendable, Name: EntryName>: Decodable, Sendable {
    let all: [Element]

    init(from decoder: any Decoder) throws {
        // An element without children has nothing that a container could be made of.
        guard let container = try? decoder.container(keyedBy: Key.self) else {
            all = []
            return
        }
        let key = Key(stringValue: Name.name)
        all = container.contains(key) ? try container.decode([Element].self, forKey: key) : []
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

typealias Items<Element: Decodable & Sendable> = Entries<Element, ItemName>
typealias Members<Element: Decodable & Sendable> = Entries<Element, MemberName>
