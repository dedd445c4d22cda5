import Foundation
import Synchronization

/// One row of what a conformance laboratory tries; the rows make the table of docs/conformance.md.
public struct Row: Sendable {
    public let number: Int
    public let stimulus: String
    public let expected: String
    /// Of RFC 3261 unless another RFC is named.
    public let sections: String

    public static let all: [Row] = [
        .init(
            number: 1, stimulus: "INVITE to a server that stays silent",
            expected: "`100` within 200 ms from the edge; the server's own `100` is not relayed",
            sections: "17.2.1, 16.7"),
        .init(
            number: 2, stimulus: "the same INVITE three times",
            expected: "the server sees one; the caller gets the last response again", sections: "17.2.1, 17.2.3"),
        .init(
            number: 3, stimulus: "`486`, with the caller's ACK withheld and then sent",
            expected: "the edge acknowledges, repeats `486` on timer G over UDP, relays no ACK",
            sections: "17.1.1.3, 17.2.1"),
        .init(
            number: 4, stimulus: "`200` and its retransmissions",
            expected: "each is relayed; the ACK goes end to end along Record-Route",
            sections: "16.7, 13.2.2.4, RFC 6026"),
        .init(
            number: 5, stimulus: "CANCEL before any provisional response",
            expected: "`200` at once; CANCEL goes on after a 1xx; `487` is relayed", sections: "9.1, 9.2, 16.10"),
        .init(number: 6, stimulus: "`200` crosses CANCEL", expected: "the call stands", sections: "9.1, 9.2"),
        .init(
            number: 7, stimulus: "CANCEL with a call's branch from another source",
            expected: "`481`; the call is untouched", sections: "9.2, 16.10"),
        .init(
            number: 8, stimulus: "a dead server: UDP silence, TCP refused, TLS with another name",
            expected: "`408` after 64*T1, or the next target with a new branch; a `503` is never relayed",
            sections: "16.7, 16.8, 16.9, RFC 3263 4.3"),
        .init(
            number: 9, stimulus: "nothing but `180`",
            expected: "timer C, which each `180` starts anew: CANCEL and `408`",
            sections: "16.8"),
        .init(
            number: 10, stimulus: "Max-Forwards 0, absent, 1, 256, -1",
            expected: "`483`, 70 added, forwarded as 0, `400`, `400`", sections: "16.3, 16.6, 20.22"),
        .init(
            number: 11, stimulus: "Via with a wrong sent-by, rport, an own received, maddr",
            expected:
                "own Via on top with a unique branch; received and rport overwritten; answers go to the real source",
            sections: "18.2, RFC 3581"),
        .init(
            number: 12, stimulus: "a stray `200`, a response with one Via, one with a broadcast Via",
            expected: "nothing is sent anywhere", sections: "16.7, RFC 6026"),
        .init(
            number: 13, stimulus: "a dialog along Record-Route; a strict-routing server; the edge's Route twice",
            expected: "loose routing, own Routes removed, strict routes mended", sections: "16.4, 16.6, 16.12"),
        .init(
            number: 14, stimulus: "a preloaded Route, a foreign Request-URI, a loopback or link-local target",
            expected: "refused; no packet is sent", sections: "26"),
        .init(
            number: 15, stimulus: "`Proxy-Require: foo, bar`", expected: "`420` with `Unsupported: foo, bar`",
            sections: "16.3"),
        .init(
            number: 16, stimulus: "an unknown method, unknown header fields, lists with commas, a binary body",
            expected: "forwarded, values and body octet for octet", sections: "16.6, 7.3"),
        .init(
            number: 17, stimulus: "a loop; a spiral", expected: "`482`; passes", sections: "16.3, RFC 5393"),
        .init(
            number: 18, stimulus: "forks: `486` and `200`, a 6xx, two `200`, two `401`",
            expected: "the best response; every `200`; both challenges", sections: "16.7"),
        .init(
            number: 19,
            stimulus:
                "digest by MD5, SHA-256, SHA-512-256; a replayed nc, an old nonce, another uri or method, a downgrade",
            expected:
                "the right ones pass; `stale` for age alone; the strongest is offered first; no challenge to ACK and CANCEL",
            sections: "22, RFC 7616, RFC 8760"),
        .init(
            number: 20, stimulus: "sipvicious walks extensions and guesses passwords",
            expected: "users and strangers look alike; guessing is stopped; others are served", sections: "-"),
        .init(
            number: 21, stimulus: "every message of RFC 4475 and RFC 5118",
            expected: "its verdict; the edge lives; nothing invalid goes on", sections: "RFC 4475, RFC 5118"),
        .init(
            number: 22,
            stimulus:
                "stray blanks, controls, bare CR or LF around names and values; repeated single fields; two lengths",
            expected: "`400` or silence; never forwarded; never two messages out of one", sections: "7.3, 20.14"),
        .init(
            number: 23, stimulus: "streams: pipelined, split at every octet, no Content-Length, a 200 kB header, junk",
            expected: "right answers in order, or `400` and the end", sections: "18.3"),
        .init(
            number: 24, stimulus: "a request above 1,300 octets to a UDP server; a datagram of 60 kB",
            expected: "TCP first, then UDP; forwarded, refused or dropped, never cut", sections: "18.1.1"),
        .init(
            number: 25,
            stimulus:
                "TLS: another name, expired, revoked, no client certificate, TLS 1.0 and 1.1, weak suites, plain SIP, reloads under calls",
            expected:
                "fails closed; `sips:` stays on TLS; a reload drops nothing (another name: row 8)",
            sections: "26.2, RFC 5922, RFC 8996"
        ),
        .init(
            number: 26, stimulus: "CRLFs, empty datagrams, four NULs, STUN",
            expected: "a pong or nothing; not counted as abuse", sections: "RFC 5626"),
        .init(
            number: 27, stimulus: "a flood from one source: transactions, connections, slow readers and writers",
            expected: "another's calls succeed as before; memory is bounded and given back", sections: "-"),
        .init(
            number: 28, stimulus: "an allowlist of IPv4, IPv6 and IPv4-mapped peers; a reload with a bad entry",
            expected: "matched alike; the bad entry changes nothing", sections: "-"),
        .init(
            number: 29, stimulus: "every refusal above",
            expected: "one true record in the witness, valid JSON, exact counts in floods", sections: "-"),
    ]
}

/// The rows that have passed in this run, and how.
public enum Ledger {
    private static let passed = Mutex<[Int: Set<String>]>([:])
    /// The file that the table is written to; nil: none.
    private static let file = ProcessInfo.processInfo.environment["SALLYPORT_CONFORMANCE_TABLE"]

    /// - Parameter ways: the transports that it was tried by.
    public static func note(_ row: Int, _ ways: [String]) throws {
        let table = passed.withLock { passed in
            passed[row, default: []].formUnion(ways)
            return Self.table(passed)
        }
        if let file { try Data(table.utf8).write(to: URL(fileURLWithPath: file), options: .atomic) }
    }

    private static func table(_ passed: [Int: Set<String>]) -> String {
        var lines = ["| # | tried | found | RFC 3261 | by | verdict |", "|---|---|---|---|---|---|"]
        for row in Row.all {
            let ways = passed[row.number].map { $0.sorted().joined(separator: ", ") }
            lines.append(
                "| \(row.number) | \(row.stimulus) | \(row.expected) | \(row.sections) | \(ways ?? "-") "
                    + "| \(ways == nil ? "not tried" : "passes") |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
