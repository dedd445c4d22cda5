internal import CoreTypes
internal import Foundation

/// Which country an address is registered in, by a file that the operator keeps (`control.countries`).
///
/// A line is `NETWORK,COUNTRY` or `FIRST,LAST,COUNTRY`, with quotes or without; what follows on it does not matter. These are
/// the forms in which registries' data are handed out. `#` begins a comment.
struct CountryTable: Sendable {
    struct ParseError: Error, CustomStringConvertible {
        let description: String
    }

    private struct Range: Sendable {
        var first: Key
        var last: Key
        /// Two letters (ISO 3166-1 alpha-2).
        var country: UInt16
    }

    /// An address in the order of numbers.
    private struct Key: Comparable, Sendable {
        let high: UInt64
        let low: UInt64

        static func < (first: Key, second: Key) -> Bool { (first.high, first.low) < (second.high, second.low) }
    }

    private static let mostRanges = 4_000_000

    /// In order, without overlaps.
    private var v4: [Range] = []
    private var v6: [Range] = []

    init() {}

    /// - Throws: ``ParseError``, or why the file can't be read.
    init(contentsOf path: String) throws {
        try self.init(Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// - Throws: ``ParseError``.
    init(_ data: some Collection<UInt8>) throws(ParseError) {
        var number = 0
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            try add(String(decoding: line, as: UTF8.self), number)
        }
        v4.sort { $0.first < $1.first }
        v6.sort { $0.first < $1.first }
        for (ranges, isV4) in [(v4, true), (v6, false)] {
            for (one, next) in zip(ranges, ranges.dropFirst()) where next.first <= one.last {
                let address =
                    isV4
                    ? IPAddress(v4: UInt32(truncatingIfNeeded: next.first.low))
                    : IPAddress(v6High: next.first.high, low: next.first.low)
                let countries = "\(Self.letters(one.country)) and \(Self.letters(next.country))"
                throw ParseError(description: "\(address) is in two ranges, of \(countries): ranges may not overlap")
            }
        }
    }

    var count: Int { v4.count + v6.count }

    /// Two letters; nil where no line is about the address.
    func country(of address: IPAddress) -> String? {
        let ranges = address.family == .v4 ? v4 : v6
        let key = Key(high: address.high, low: address.low)
        // The last that begins at the address or before it.
        var (from, to) = (0, ranges.count)
        while from < to {
            let middle = (from + to) / 2
            if ranges[middle].first <= key { from = middle + 1 } else { to = middle }
        }
        guard from > 0, key <= ranges[from - 1].last else { return nil }
        return Self.letters(ranges[from - 1].country)
    }

    private mutating func add(_ text: String, _ number: Int) throws(ParseError) {
        let fields = text.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r\""))
        }
        guard let start = fields.first, !start.isEmpty, !start.hasPrefix("#") else { return }
        func fail(_ what: String) -> ParseError {
            ParseError(description: "line \(number): \(what): write NETWORK,COUNTRY or FIRST,LAST,COUNTRY")
        }
        guard count < Self.mostRanges else { throw fail("more than \(Self.mostRanges) ranges") }
        let range: (IPAddress, IPAddress)
        let country: String?
        if fields.count > 2, let first = IPAddress(start), let last = IPAddress(fields[1]) {
            guard first.family == last.family else { throw fail("two kinds of address") }
            range = (first, last)
            country = fields[2]
        } else {
            do {
                let network = try IPNetwork(parsing: start)
                range = (network.address, network.last)
            } catch {
                throw fail(error.description)
            }
            country = fields.dropFirst().first
        }
        let letters = Array((country ?? "").uppercased().utf8)
        guard letters.count == 2, letters.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
            throw fail("'\((country ?? "").prefix(20))' is no country's two letters")
        }
        let (first, last) = (Key(high: range.0.high, low: range.0.low), Key(high: range.1.high, low: range.1.low))
        guard first <= last else { throw fail("\(range.0) is behind \(range.1)") }
        let entry = Range(first: first, last: last, country: UInt16(letters[0]) << 8 | UInt16(letters[1]))
        if range.0.family == .v4 { v4.append(entry) } else { v6.append(entry) }
    }

    private static func letters(_ country: UInt16) -> String {
        String(decoding: [UInt8(country >> 8), UInt8(country & 0xff)], as: UTF8.self)
    }
}
