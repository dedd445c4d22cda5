/// Makes messages that are nearly right out of right ones; the same seed gives the same ones.
struct Mutator {
    private var generator: SplitMix64
    private let corpus: [[UInt8]]

    init(seed: UInt64, corpus: [[UInt8]]) {
        generator = SplitMix64(state: seed)
        self.corpus = corpus
    }

    mutating func next() -> [UInt8] {
        var message = corpus[index(corpus.count)]
        for _ in 0...index(2) { mutate(&message) }
        return message
    }

    /// What separates things in SIP, or has no business there.
    private static let insertions: [[UInt8]] = [
        "\r\n", "\r\n ", "\r", "\n", "\0", " ", "\t", ",", ";", ":", "\"", "\\\"", "\\", "<", ">", "@", "=", "?", "%00",
        "%0d%0a", "%41", "&", "/", "[", "]", "*", "\u{7f}", "\u{e9}", "--", "0", "99999999999", "sip:", "sips:", "tel:",
        ";tag=x", ";lr", "\r\n\r\n", " ,", ", <sip:x@y.example>", "<sip:x@y.example>", "()", "SIP/2.0", "\u{b}",
        "\u{1}",
        "'", "!", "{", "|", "^", "`", "~", "#", "$", "+", "z9hG4bK", ";x=\"\\\"\"", ";x=\"", "\"<sip:q@y.example>\" ",
    ].map { Array($0.utf8) }

    private static let lines = [
        "Content-Length: 0", "Content-Length: 5", "l: 1", "Content-Length : 7", "From: <sip:x@y.example>;tag=9",
        "f: sip:x@y.example", "t: <sip:x@y.example>", "To: <sip:x@y.example>;tag=8", "i: other@y.example",
        "Call-ID: other@y.example", "CSeq: 9 BYE", "CSeq: 9 INVITE", "Via: SIP/2.0/UDP y.example;branch=z9hG4bKy",
        "v: SIP/2.0/TCP y.example", "Route: <sip:y.example;lr>", "Contact: <sip:x@y.example>", "m: *", "X-Odd: ,;\"",
        "X-Odd: \"\\", "Max-Forwards: 9", " folded: line", "\tfolded", ": nameless", "NoColon", "X Y: z",
        "Content-Type: application/sdp", "From : <sip:x@y.example>", "Subject:", "s: a\"b", "Supported: ,",
    ].map { Array($0.utf8) }

    private mutating func mutate(_ message: inout [UInt8]) {
        guard !message.isEmpty else { return }
        switch index(9) {
        case 0: message[place(in: message)] ^= 1 << UInt8(index(8))
        case 1: message[place(in: message)] = UInt8(index(256))
        case 2, 3: message.insert(contentsOf: Self.insertions[index(Self.insertions.count)], at: place(in: message))
        case 4:
            let start = place(in: message)
            message.removeSubrange(start..<min(message.count, start + 1 + index(8)))
        case 5: onLines(&message) { $1.insert(Self.lines[$0.index(Self.lines.count)], at: $0.index($1.count) + 1) }
        case 6:
            onLines(&message) {
                let (from, to) = ($0.index($1.count), $0.index($1.count))
                $1.insert($1[from], at: to + 1)
            }
        case 7: onLines(&message) { $1.remove(at: $0.index($1.count)) }
        default: splice(&message)
        }
    }

    /// The head of a message and lines of another one.
    private mutating func splice(_ message: inout [UInt8]) {
        var other = Self.split(corpus[index(corpus.count)]).lines
        guard !other.isEmpty else { return }
        let line = other.remove(at: index(other.count))
        onLines(&message) { $1[$0.index($1.count)] = line }
    }

    private mutating func onLines(_ message: inout [UInt8], _ change: (inout Self, inout [[UInt8]]) -> Void) {
        var (lines, body) = Self.split(message)
        guard !lines.isEmpty else { return }
        change(&self, &lines)
        message = Array(lines.joined(separator: [13, 10])) + body
    }

    /// The lines of the header, and what is behind them, the empty line included.
    private static func split(_ message: [UInt8]) -> (lines: [[UInt8]], rest: [UInt8]) {
        var lines: [[UInt8]] = []
        var start = 0
        var index = 0
        while index + 1 < message.count {
            if message[index] == 13, message[index + 1] == 10 {
                if index == start { return (lines, [13, 10] + message[start...]) }
                lines.append(Array(message[start..<index]))
                index += 2
                start = index
            } else {
                index += 1
            }
        }
        return (lines, Array(message[start...]))
    }

    private mutating func index(_ count: Int) -> Int { Int(generator.next() % UInt64(max(1, count))) }

    /// Mostly in the header, where things are decided.
    private mutating func place(in message: [UInt8]) -> Int {
        index(index(4) > 0 ? min(message.count, 400) : message.count)
    }
}

/// Sebastiano Vigna's generator: small, fast and the same everywhere.
private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
