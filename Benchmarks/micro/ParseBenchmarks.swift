import CoreTypes
import SIPMessage

/// Reading messages, as the edge does it: in the same memory one after the other, unless something keeps the message.
enum ParseBenchmarks {
    static func all() throws -> [Benchmark] {
        let branch = Branch(shard: 0, unique: 1, loop: 2)
        return [
            dropped("parse.invite", Messages.invite()),
            dropped(
                "parse.bye", Messages.bye(routes: ["<sip:sp1-0011223344556677@\(Messages.edge);transport=udp;lr>"])),
            dropped("parse.options", Messages.options),
            dropped("parse.response", Messages.ok(branch: branch)),
            kept("parse.invite.kept", Messages.invite()),
        ]
    }

    private static func dropped(_ name: String, _ octets: [UInt8]) -> Benchmark {
        var reader = MessageReader()
        return Benchmark(name) { _ in
            try octets.withUnsafeBytes { try reader.read($0).bytes.count } == octets.count
        }
    }

    /// Messages stay, as those do that transactions have taken: more than a reader has room for.
    private static func kept(_ name: String, _ octets: [UInt8]) -> Benchmark {
        var reader = MessageReader()
        var messages: [Message?] = Array(repeating: nil, count: 256)
        return Benchmark(name) { number in
            let message = try octets.withUnsafeBytes { try reader.read($0) }
            messages[number % messages.count] = message
            return message.bytes.count == octets.count
        }
    }
}
