internal import Yams

/// A part of a file of settings with keys of its own. It names each key once, in the order of the documentation; the same
/// walk reads a file into the values and lists the values that are in force.
package protocol Section {
    mutating func fill(_ form: Form)
}

/// One mapping of the file during a walk.
package final class Form {
    /// What the walk is for.
    enum Purpose {
        case reading([String: (key: Node, value: Node)])
        case listing((Setting) -> Void)
    }

    package let path: String
    package let report: Report
    private let purpose: Purpose
    private var known: [String] = []

    init(path: String, report: Report, purpose: Purpose) {
        self.path = path
        self.report = report
        self.purpose = purpose
    }

    // MARK: Keys with one value

    package func value<Value>(_ key: String, _ value: inout Value, _ notation: Notation<Value>) {
        switch purpose {
        case .reading:
            guard let node = take(key), let read = read(node, path(of: key), notation) else { return }
            value = read
        case .listing(let list):
            list(Setting(path: path(of: key), notation, value))
        }
    }

    package func optional<Value>(_ key: String, _ value: inout Value?, _ notation: Notation<Value>) {
        switch purpose {
        case .reading:
            guard let node = take(key), let read = read(node, path(of: key), notation) else { return }
            value = read
        case .listing(let list):
            if let value { list(Setting(path: path(of: key), notation, value)) }
        }
    }

    /// A value without which its section means nothing.
    package func required<Value>(_ key: String, _ value: inout Value, _ notation: Notation<Value>) {
        if case .reading(let entries) = purpose, entries[key] == nil {
            report.complain(path(of: key), at: nil, "is missing", mend: "add it: \(notation.expected)")
        }
        self.value(key, &value, notation)
    }

    /// A list of single values; one alone may stand without brackets. An empty list is a value, too.
    package func list<Value: Equatable>(_ key: String, _ values: inout [Value], _ notation: Notation<Value>) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            let nodes: [Node]
            switch node {
            case .sequence(let sequence): nodes = Array(sequence)
            case .scalar: nodes = [node]
            case .mapping, .alias: return mismatch(node, path(of: key), expected: "a list")
            }
            var found: [Value] = []
            var complete = true
            for (index, node) in nodes.enumerated() {
                let place = "\(path(of: key))[\(index)]"
                report.note(place, at: position(of: node))
                guard let read = read(node, place, notation) else {
                    complete = false
                    continue
                }
                if found.contains(read) {
                    report.complain(
                        place, at: nil, "'\(notation.write(read))' stands here twice", mend: "remove one of them")
                }
                found.append(read)
            }
            if complete { values = found }
        case .listing(let list):
            let shown = values.map(notation.write).joined(separator: ", ")
            list(Setting(path: path(of: key), exact: shown, shown: "[\(shown)]"))
        }
    }

    // MARK: Keys with keys under them

    package func section<Part: Section>(_ key: String, _ part: inout Part) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            read(node, path(of: key), into: &part)
        case .listing:
            list(&part, at: path(of: key))
        }
    }

    /// A section that need not be there.
    package func section<Part: Section>(_ key: String, _ part: inout Part?, blank: Part) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            var filled = part ?? blank
            read(node, path(of: key), into: &filled)
            part = filled
        case .listing:
            guard var filled = part else { return }
            list(&filled, at: path(of: key))
        }
    }

    /// A section, or `off`.
    /// - Parameter on: what it is where it is turned on without a value so far.
    package func switchable<Part: Section>(_ key: String, _ part: inout Part?, on: Part) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            if case .scalar(let scalar) = node {
                switch scalar.string {
                case "off", "Off", "OFF", "no", "false": part = nil
                // Through the same walk as a mapping without keys, so that missing required keys are noticed.
                case "on", "On", "ON", "yes", "true":
                    part = read(entries: [:], path(of: key), part ?? on)
                default: mismatch(node, path(of: key), expected: "'off', or keys and values")
                }
                return
            }
            var filled = part ?? on
            read(node, path(of: key), into: &filled)
            part = filled
        case .listing(let list):
            if var filled = part {
                self.list(&filled, at: path(of: key))
            } else {
                list(Setting(path: path(of: key), exact: "off", shown: "off"))
            }
        }
    }

    /// A list of mappings. An empty one leaves the default in place.
    package func sections<Part: Section>(_ key: String, _ parts: inout [Part], blank: Part) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            guard case .sequence(let sequence) = node else {
                return mismatch(node, path(of: key), expected: "a list of entries, each beginning with '-'")
            }
            guard !sequence.isEmpty else { return }
            parts = sequence.enumerated().map { index, node in
                var part = blank
                read(node, "\(path(of: key))[\(index)]", into: &part)
                return part
            }
        case .listing:
            for index in parts.indices { list(&parts[index], at: "\(path(of: key))[\(index)]") }
        }
    }

    /// A mapping from names to sections; those in the file are added to those already there.
    /// - Parameter blank: what an entry starts from, by its name and the text of its key `like`.
    package func table<Part: Section>(
        _ key: String, _ parts: inout [String: Part], blank: (_ name: String, _ like: String?) -> Part
    ) {
        switch purpose {
        case .reading:
            guard let node = take(key) else { return }
            guard let entries = mapping(node, path(of: key)) else { return }
            for (name, entry) in entries {
                let place = "\(path(of: key)).\(name)"
                report.note(place, at: position(of: entry.key))
                if case .failure(let complaint) = Notation<String>.name.read(name) {
                    report.complain(place, at: nil, complaint.what, mend: complaint.mend ?? "use another name")
                }
                var part = blank(name, entry.value["like"]?.scalar?.string)
                read(entry.value, place, into: &part)
                parts[name] = part
            }
        case .listing:
            for (name, part) in parts.sorted(by: { $0.key < $1.key }) {
                var part = part
                list(&part, at: "\(path(of: key)).\(name)")
            }
        }
    }

    /// A mapping from names to single values; those in the file take the place of those already there.
    package func values(
        _ key: String, _ values: inout [String: String], named names: Notation<String>, _ notation: Notation<String>
    ) {
        switch purpose {
        case .reading:
            guard let node = take(key), let entries = mapping(node, path(of: key)) else { return }
            values = [:]
            for (name, entry) in entries {
                let place = "\(path(of: key)).\(name)"
                report.note(place, at: position(of: entry.key))
                if case .failure(let complaint) = names.read(name) {
                    report.complain(place, at: nil, complaint.what, mend: complaint.mend ?? "write \(names.expected)")
                }
                values[name] = read(entry.value, place, notation)
            }
        case .listing(let list):
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                list(Setting(path: "\(path(of: key)).\(name)", notation, value))
            }
        }
    }

    // MARK: Checks that concern several keys

    /// Whether the file has a key here with something behind it, right or wrong: neither nothing nor an empty list.
    package func has(_ key: String) -> Bool {
        guard case .reading(let entries) = purpose else { return true }
        switch entries[key]?.value {
        case nil: return false
        case .sequence(let sequence): return !sequence.isEmpty
        case .mapping(let mapping): return !mapping.isEmpty
        case .scalar(let scalar): return !Self.isEmpty(scalar)
        case .alias: return true
        }
    }

    /// Notes a problem with a key, or with the section itself when `key` is nil. Does nothing while listing.
    package func complain(_ key: String?, _ what: String, mend: String) {
        guard case .reading = purpose else { return }
        report.complain(key.map(path(of:)) ?? path, at: nil, what, mend: mend)
    }

    // MARK: Walking

    private func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a key; nil where there is none or it is left empty.
    private func take(_ key: String) -> Node? {
        known.append(key)
        guard case .reading(let entries) = purpose, let entry = entries[key] else { return nil }
        report.note(path(of: key), at: position(of: entry.value))
        if case .scalar(let scalar) = entry.value, Self.isEmpty(scalar) { return nil }
        return entry.value
    }

    private static func isEmpty(_ scalar: Node.Scalar) -> Bool {
        scalar.style != .doubleQuoted && scalar.style != .singleQuoted && ["", "~", "null"].contains(scalar.string)
    }

    private func read<Value>(_ node: Node, _ place: String, _ notation: Notation<Value>) -> Value? {
        guard case .scalar(let scalar) = node else {
            mismatch(node, place, expected: notation.expected)
            return nil
        }
        switch notation.read(scalar.string) {
        case .success(let value):
            return value
        case .failure(let complaint):
            report.complain(
                place, at: position(of: node), complaint.what, mend: complaint.mend ?? "write \(notation.expected)")
            return nil
        }
    }

    func read<Part: Section>(_ node: Node, _ place: String, into part: inout Part) {
        report.note(place, at: position(of: node))
        guard let entries = mapping(node, place) else { return }
        part = read(entries: entries, place, part)
    }

    private func read<Part: Section>(
        entries: [String: (key: Node, value: Node)], _ place: String, _ start: Part
    ) -> Part {
        var part = start
        let form = Form(path: place, report: report, purpose: .reading(entries))
        part.fill(form)
        form.complainOfUnknown(among: entries)
        return part
    }

    private func list<Part: Section>(_ part: inout Part, at place: String) {
        part.fill(Form(path: place, report: report, purpose: purpose))
    }

    private func complainOfUnknown(among entries: [String: (key: Node, value: Node)]) {
        for (key, entry) in entries where !known.contains(key) {
            report.complain(
                path(of: key), at: position(of: entry.key), "unknown key", mend: Suggestion.mend(key, among: known))
        }
    }

    private func mapping(_ node: Node, _ place: String) -> [String: (key: Node, value: Node)]? {
        guard case .mapping(let mapping) = node else {
            mismatch(node, place, expected: "keys and values")
            return nil
        }
        var entries: [String: (key: Node, value: Node)] = [:]
        for (key, value) in mapping {
            if case .scalar(let scalar) = key {
                entries[scalar.string] = (key, value)
            } else {
                report.complain(place, at: position(of: key), "a key must be a word", mend: "write 'key: value'")
            }
        }
        return entries
    }

    private func mismatch(_ node: Node, _ place: String, expected: String) {
        let found =
            switch node {
            case .scalar(let scalar): "the text '\(scalar.string.prefix(60))'"
            case .sequence: "a list"
            case .mapping: "keys and values"
            case .alias: "an alias"
            }
        report.complain(place, at: position(of: node), "found \(found)", mend: "write \(expected)")
    }

    private func position(of node: Node) -> Report.Position {
        let mark = node.mark
        return Report.Position(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}
