public import CoreTypes
public import SettingsFile

extension Declaration {
    /// The text of a file with other `admin` and `never_cut_off` lists; all else stays as it is, byte for byte. An address
    /// that takes the place of another stands where that stood, so that a comment beside it stays, too.
    /// - Throws: when the text is no declaration, or the lists are written in a way that can't be changed like this.
    public static func rewriting(
        _ text: String, file: String, admin: [IPNetwork], neverCutOff: [IPNetwork]
    ) throws(ConfigurationError) -> String {
        var text = text
        for (key, list, wanted) in [
            ("admin", \Declaration.admin, admin), ("never_cut_off", \Declaration.neverCutOff, neverCutOff),
        ] {
            let report = Report(file: file)
            let before = try read(text, report)
            if let error = report.error() { throw error }
            guard Set(before[keyPath: list]) != Set(wanted) else { continue }
            var edit = AddressListEdit(text: text, key: key, report: report)
            edit.replace(before[keyPath: list], by: wanted)
            text = edit.text
            guard isOnly(list, changedTo: wanted, from: before, in: text, report) else {
                report.complain(
                    key, at: nil, "is written in a way that can't be changed without changing more",
                    mend: "change it by hand to [\(wanted.map(\.description).joined(separator: ", "))]")
                throw ConfigurationError(problems: report.problems)
            }
        }
        return text
    }

    private static func isOnly(
        _ list: WritableKeyPath<Declaration, [IPNetwork]>, changedTo wanted: [IPNetwork], from before: Declaration,
        in text: String, _ report: Report
    ) -> Bool {
        let after = Report(file: report.file)
        // A text that can't be read any more has certainly changed elsewhere.
        guard var changed = try? read(text, after), after.error() == nil else { return false }
        // The order of addresses means nothing.
        let isAsWanted = Set(changed[keyPath: list]) == Set(wanted)
        changed[keyPath: list] = before[keyPath: list]
        return isAsWanted && changed == before
    }
}

/// One list of addresses in the text of a file.
private struct AddressListEdit {
    private var scalars: [Unicode.Scalar]
    private let key: String
    private let start: Int?
    private let positions: (Int) -> Int?

    init(text: String, key: String, report: Report) {
        let scalars = Array(text.unicodeScalars)
        var lineStarts = [0]
        for (index, scalar) in scalars.enumerated() where scalar == "\n" { lineStarts.append(index + 1) }
        let place = { (position: Report.Position?) -> Int? in
            guard let position, position.line <= lineStarts.count else { return nil }
            let offset = lineStarts[position.line - 1] + position.column - 1
            return offset < scalars.count ? offset : nil
        }
        self.scalars = scalars
        self.key = key
        start = place(report.positions[key])
        positions = { place(report.positions["\(key)[\($0)]"]) }
    }

    var text: String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    mutating func replace(_ before: [IPNetwork], by wanted: [IPNetwork]) {
        let items = before.indices.compactMap { index in positions(index).map { $0..<end(ofItemAt: $0) } }
        // A key with nothing behind it stands nowhere: what the parser names is the end of the line, or the next.
        guard let start, !before.isEmpty || scalars[start] == "[" else { return insertKey(wanted) }
        // An alias stands where its anchor is.
        let isInOrder = zip([start..<start] + items, items).allSatisfy { $0.upperBound <= $1.lowerBound }
        guard items.count == before.count, !before.isEmpty, isInOrder else { return replaceWhole(by: wanted) }
        let isBlock = scalars[start] == "-"
        let gone = before.indices.filter { !wanted.contains(before[$0]) }
        let new = wanted.filter { !before.contains($0) }
        guard isBlock ? !wanted.isEmpty : scalars[start] == "[" else { return replaceWhole(by: wanted) }
        if let last = items.last {
            for network in new.dropFirst(gone.count).reversed() { insert(network, after: last, inLines: isBlock) }
        }
        let extra = gone.dropFirst(new.count)
        if isBlock {
            for index in extra.reversed() { scalars.removeSubrange(line(at: items[index].lowerBound)) }
        } else if let last = items.last, let first = items.first, !extra.isEmpty {
            let kept = before.indices.last { !extra.contains($0) }
            let behind = kept.map { items[$0].upperBound } ?? first.lowerBound
            scalars.removeSubrange(behind..<last.upperBound)
            for index in extra.reversed() where index < kept ?? 0 {
                scalars.removeSubrange(items[index].lowerBound..<items[index + 1].lowerBound)
            }
        }
        for (index, network) in zip(gone, new).reversed() {
            scalars.replaceSubrange(items[index], with: text(of: network))
        }
    }

    private func text(of network: IPNetwork) -> [Unicode.Scalar] {
        let text = network.description
        return Array((text.hasPrefix(":") ? "\"\(text)\"" : text).unicodeScalars)
    }

    private func flow(_ networks: [IPNetwork]) -> [Unicode.Scalar] {
        Array("[".unicodeScalars) + networks.map(text(of:)).joined(separator: Array(", ".unicodeScalars))
            + Array("]".unicodeScalars)
    }

    /// Ends of plain and quoted scalars, as far as an address can be one.
    private func end(ofItemAt start: Int) -> Int {
        let quotes: [Unicode.Scalar] = ["\"", "'"]
        if quotes.contains(scalars[start]) {
            let close = scalars[(start + 1)...].firstIndex(of: scalars[start])
            return close.map { $0 + 1 } ?? scalars.count
        }
        let ends: [Unicode.Scalar] = [" ", "\t", "\r", "\n", ",", "]"]
        return scalars[start...].firstIndex { ends.contains($0) } ?? scalars.count
    }

    private mutating func insert(_ network: IPNetwork, after item: Range<Int>, inLines: Bool) {
        guard inLines else {
            scalars.insert(contentsOf: Array(", ".unicodeScalars) + text(of: network), at: item.upperBound)
            return
        }
        let line = line(at: item.lowerBound)
        let indentation = scalars[line].prefix { $0 == " " }
        let dash = Array("- ".unicodeScalars)
        var addition = Array(indentation) + dash + text(of: network)
        let ending = scalars[line].suffix(2).elementsEqual(["\r", "\n"]) ? ["\r", "\n"] : ["\n"] as [Unicode.Scalar]
        // The last line of a file may have no end.
        addition = scalars[line].last == "\n" ? addition + ending : ending + addition
        scalars.insert(contentsOf: addition, at: line.upperBound)
    }

    /// A line with its end.
    private func line(at place: Int) -> Range<Int> {
        let start = scalars[..<place].lastIndex(of: "\n").map { $0 + 1 } ?? 0
        let end = scalars[place...].firstIndex(of: "\n").map { $0 + 1 } ?? scalars.count
        return start..<end
    }

    private mutating func replaceWhole(by wanted: [IPNetwork]) {
        guard let start, start < scalars.count else { return insertKey(wanted) }
        switch scalars[start] {
        case "[":
            guard let close = scalars[start...].firstIndex(of: "]") else { return }
            scalars.replaceSubrange(start...close, with: flow(wanted))
        case "-":
            // All of it goes: the list becomes one behind its key.
            guard let last = lastItemLine(from: start), let colon = scalars[..<start].lastIndex(of: ":") else { return }
            scalars.removeSubrange(line(at: start).lowerBound..<last)
            scalars.insert(contentsOf: Array(" ".unicodeScalars) + flow(wanted), at: colon + 1)
        default:
            scalars.replaceSubrange(
                start..<end(ofItemAt: start), with: wanted.count == 1 ? text(of: wanted[0]) : flow(wanted))
        }
    }

    private func lastItemLine(from start: Int) -> Int? {
        var index = 0
        var end: Int?
        while let item = positions(index) {
            end = line(at: item).upperBound
            index += 1
        }
        return end
    }

    /// The key is not there, or has nothing behind it.
    private mutating func insertKey(_ wanted: [IPNetwork]) {
        let name = Array("\(key):".unicodeScalars)
        var start = 0
        while start < scalars.count {
            let line = line(at: start)
            if scalars[line].starts(with: name) {
                scalars.insert(contentsOf: Array(" ".unicodeScalars) + flow(wanted), at: start + name.count)
                return
            }
            start = line.upperBound
        }
        let blank: [Unicode.Scalar] = [" ", "#", "\r", "\n", "-", "%"]
        var place = 0
        while place < scalars.count, blank.contains(scalars[place]) { place = line(at: place).upperBound }
        scalars.insert(contentsOf: name + Array(" ".unicodeScalars) + flow(wanted) + ["\n"], at: place)
    }
}
