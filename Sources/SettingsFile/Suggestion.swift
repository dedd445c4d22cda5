/// Guesses what somebody meant to write.
package enum Suggestion {
    /// "did you mean ..." for a near miss, else the words that are allowed.
    package static func mend(_ written: String, among words: [String]) -> String {
        if let near = nearest(to: written, among: words) { return "did you mean '\(near)'?" }
        return "known here: " + words.joined(separator: ", ")
    }

    /// The closest word within a third of its length in edits, at least two; nil when nothing is close.
    package static func nearest(to written: String, among words: [String]) -> String? {
        let folded = fold(written)
        let best = words.map { ($0, distance(folded, fold($0))) }.min { $0.1 < $1.1 }
        guard let (word, edits) = best, edits <= max(2, word.count / 3), edits < word.count else { return nil }
        return word
    }

    private static func fold(_ text: String) -> [Character] {
        text.lowercased().prefix(64).map { $0 == "-" ? "_" : $0 }
    }

    /// Optimal string alignment: insertions, deletions, changes, and swaps of neighbors each count one.
    package static func distance(_ from: [Character], _ to: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...to.count)
        for (row, character) in from.enumerated() {
            var current = [row + 1]
            for (column, other) in to.enumerated() {
                var cost = min(current[column] + 1, last[column + 1] + 1, last[column] + (character == other ? 0 : 1))
                if row > 0, column > 0, character == to[column - 1], from[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[to.count]
    }
}
