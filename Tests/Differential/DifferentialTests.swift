import CoreTypes
import Foundation
import SIPMessage
import SIPProxy
import TestSupport
import Testing
import TortureMessages

/// What the edge passes on must mean the same to what stands behind it.
@Suite(
    "Kamailio reads what the edge read",
    .enabled(if: PeerProgram.kamailio.isInstalled, Comment(rawValue: PeerProgram.kamailio.howToGetIt)))
struct DifferentialTests {
    private static let isLong = ProcessInfo.processInfo.environment["SALLYPORT_LONG_TESTS"] == "1"

    @Test("method, Request-URI, From, To, Call-ID, CSeq and length of body are the same", .timeLimit(.minutes(10)))
    func differential() throws {
        let own = TortureCase.all.map(\.bytes)
        let vectors = TortureCase.hasVectors ? try TortureCase.all.map { try $0.vector() } : []
        var comparison = try Comparison()
        try comparison.compare(own + vectors)
        let seed = ProcessInfo.processInfo.environment["SALLYPORT_SEED"].flatMap { UInt64($0) } ?? 5060
        var mutator = Mutator(seed: seed, corpus: own)
        // Counted are those that the edge passes on.
        let wanted = Self.isLong ? 100_000 : 5000
        while comparison.compared < wanted {
            try comparison.compare((0..<200).map { _ in mutator.next() })
        }
        print("differential: \(comparison.summary)")
        #expect(comparison.differences.isEmpty, "\(comparison.report)")
    }
}

private struct Comparison {
    struct Difference {
        let message: Message
        let what: String
        let octets: [UInt8]
    }

    private let kamailio: Kamailio
    private let branches = BranchMint(secret: NodeSecret([UInt8](repeating: 7, count: 32)), shard: 0, start: 1)
    private let source = Endpoint(IPAddress(v4: 0xc000_0263), port: 5099)
    private var batches = 0
    private var waiting: [(octets: [UInt8], message: Message)] = []
    private(set) var tried = 0
    private(set) var compared = 0
    private(set) var unread = 0
    private(set) var partly = 0
    private(set) var differences: [Difference] = []
    private(set) var dropped: [Difference] = []

    init() throws { kamailio = try Kamailio() }

    mutating func compare(_ messages: [[UInt8]]) throws {
        for bytes in messages {
            tried += 1
            guard let message = try? Message(parsing: bytes), message.isRequest,
                RequestCheck.examine(message, branches: branches) == nil
            else { continue }
            var forwarded = ForwardedRequest(source: source)
            forwarded.dropsAllRoutes = true
            forwarded.added = [("X-Probe", "last")]
            let via = Array("SIP/2.0/UDP 127.0.0.1:9;branch=\(waiting.count)".utf8)
            waiting.append((forwarded.octets(of: message, via: via), message))
            if waiting.count == 40 { try flush() }
        }
        try flush()
    }

    private mutating func flush() throws {
        guard !waiting.isEmpty else { return }
        batches += 1
        let readings = try kamailio.readings(of: waiting.map(\.octets), batch: batches)
        for (index, (octets, message)) in waiting.enumerated() {
            compared += 1
            guard let reading = readings["\(index)"] else {
                unread += 1
                dropped.append(Difference(message: message, what: "not read", octets: octets))
                continue
            }
            if !reading.isWhole { partly += 1 }
            let own = Kamailio.Reading(message)
            let what = reading.difference(to: own)
            if !what.isEmpty { differences.append(Difference(message: message, what: what, octets: octets)) }
        }
        let known = Set(waiting.indices.map(String.init))
        for (name, reading) in readings where !known.contains(name) {
            differences.append(
                Difference(message: waiting[0].message, what: "read without its probe: \(reading)", octets: []))
        }
        waiting = []
    }

    var summary: String {
        "\(tried) messages, \(compared) passed on, \(unread) of them thrown away by Kamailio, \(partly) read in part, "
            + "\(differences.count) read differently; Kamailio complained: \(kamailio.complaints)"
    }

    var report: String {
        summary + "\n"
            + differences.prefix(60).map {
                "\($0.what)\n\(String(decoding: $0.octets, as: UTF8.self).debugDescription)\n"
            }
            .joined()
    }
}

extension Kamailio.Reading {
    /// What the edge read.
    init(_ message: Message) {
        self.init(
            method: message.method.name, requestURI: message.requestURI?.text, fromURI: message.from.uri.text,
            fromTag: message.fromTag ?? "", toURI: message.to.uri.text, toTag: message.toTag ?? "",
            callID: message.callID,
            cSeq: String(message.cSeq.number), contentLength: String(message.body.count),
            bodyLength: String(message.body.count), isWhole: true)
    }

    /// As it is written in the field: with zeros in front and blanks around it. Nil stays what nothing is.
    private static func number(_ text: String) -> String? {
        UInt32(text.trimmingCharacters(in: .whitespacesAndNewlines)).map(String.init) ?? text
    }

    func difference(to own: Self) -> String {
        let pairs: [(String, String?, String?)] = [
            ("method", method, own.method), ("Request-URI", requestURI, own.requestURI),
            ("From", fromURI, own.fromURI), ("From tag", fromTag, own.fromTag), ("To", toURI, own.toURI),
            ("To tag", toTag, own.toTag), ("Call-ID", callID, own.callID),
            ("CSeq", cSeq.flatMap(Self.number), own.cSeq),
            ("Content-Length", contentLength.flatMap(Self.number), own.contentLength),
            ("body", bodyLength == "" || bodyLength == "0" ? isWhole ? "0" : "" : bodyLength, own.bodyLength),
        ]
        // Decision 31: what Kamailio gave up on it has not read differently. It gives up on a header from the first
        // name or value on that it can't read, and on a From with an escaped quote in a parameter.
        let unread = fromURI == "" && fromTag == "" ? ["From", "From tag"] : []
        return pairs.filter { $0.1 != $0.2 && (isWhole || !($0.1 ?? "").isEmpty) && !unread.contains($0.0) }
            .map { "\($0.0): Kamailio \($0.1?.debugDescription ?? "-"), edge \($0.2?.debugDescription ?? "-")" }
            .joined(separator: "; ")
    }
}
