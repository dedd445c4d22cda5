import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Transport

/// Packets of which there may be a hundred thousand a second: refused before they are read.
extension Shard {
    /// Strangers that get an answer between two looks at the load: 25,000 a second, a quarter of a core.
    private static let mostStrangersAnswered = 1250

    /// Whether a datagram can be refused by where it comes from, without being read: nothing else than a new request (no
    /// response, no part of a transaction or dialog), of a source that layer 1 has shut out, or, while packets wait or
    /// strangers have taken their share of the loop, of one that layer 2 does not know. It is counted then, and not looked
    /// into any further.
    func isRefusedUnread(_ octets: UnsafeRawBufferPointer, _ flow: Flow, now: Moment) -> Bool {
        let source = flow.remote.address
        let sheds = shedsStrangers || strangersAnswered >= Self.mostStrangersAnswered
        guard flow.transport == .udp, let entrance = entrance(of: flow),
            sheds || entrance.passage.mayHaveShutOut(now), serversOfSource[source] == nil,
            let method = Self.newRequestMethod(octets)
        else { return false }
        if entrance.passage.counted(shutOut: source, now: now) {
            countShutOut(method, flow, now: now)
        } else if sheds, !entrance.passage.isAllowlisted(flow.remote, transport: .udp) {
            hot.rejection(.allowlist)
            hot.dropped(.flood)
            strangersShed += 1
        } else {
            return false
        }
        hot.request(method, .udp)
        packetsRefusedUnread += 1
        return true
    }

    private func countShutOut(_ method: SIPMessage.Method, _ flow: Flow, now: Moment) {
        let source = flow.remote.address
        hot.rejection(.sourceRate)
        hot.dropped(.rateExceeded)
        // Of one source that floods only the number goes up.
        if source == lastShutOut.source {
            lastShutOut.packets += 1
            return
        }
        settleShutOut(now: now)
        if collapser.count(from: source, .rateLimitExceeded, .warning, cause: Refusal.Cause.rateExceeded.rawValue) {
            lastShutOut.source = source
            return
        }
        recordRefusal(
            from: source, .rateLimitExceeded, .warning, cause: Refusal.Cause.rateExceeded.rawValue, now: now
        ) {
            SecurityEvent(
                .rateLimitExceeded, .warning, sourceIP: source,
                details: [
                    .init("layer", .string(Layer.sourceRate.rawValue)), .init("method", .string(method.label)),
                    .init("source_port", .integer(Int(flow.remote.port))),
                    .init("transport", .string(flow.transport.rawValue)),
                ])
        }
    }

    /// Tells the collapser of the packets that were counted beside it.
    func settleShutOut(now: Moment) {
        guard let source = lastShutOut.source else { return }
        let packets = lastShutOut.packets
        lastShutOut = (nil, 0)
        let cause = Refusal.Cause.rateExceeded.rawValue
        guard packets > 0,
            !collapser.count(from: source, .rateLimitExceeded, .warning, cause: cause, by: packets)
        else { return }
        // Others have pushed it out of the table.
        record(
            SecurityEvent(
                .rateLimitExceeded, .warning, sourceIP: source,
                details: [
                    .init("layer", .string(Layer.sourceRate.rawValue)), .init("count", .integer(packets)),
                ]), now: now)
    }

    /// The method of what can only be a request outside of all dialogs of the edge, whatever else it is.
    private static func newRequestMethod(_ octets: UnsafeRawBufferPointer) -> Method? {
        guard let blank = octets.prefix(16).firstIndex(of: UInt8(ascii: " ")) else { return nil }
        let method = Method(String(decoding: octets[..<blank], as: UTF8.self))
        switch method {
        case .ack, .cancel, .other: return nil
        default: return octets.offset(of: DialogCookie.prefix) == nil ? method : nil
        }
    }

    /// What strangers lost that nobody answered, once a second: a record each would be a flood of its own.
    func recordStrangersShed(now: Moment) {
        guard strangersShed > 0 else { return }
        record(
            SecurityEvent(
                .securityRejected, .warning,
                details: [.init("reason", "flood"), .init("count", .integer(strangersShed))]), now: now)
        strangersShed = 0
    }
}

extension UnsafeRawBufferPointer {
    /// Where the four characters of a text first stand, from `start` on.
    func offset(of text: StaticString, from start: Int = 0) -> Int? {
        guard text.utf8CodeUnitCount == 4, count >= start + 4 else { return nil }
        let wanted = UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt32.self)
        func isAt(_ offset: Int) -> Bool { loadUnaligned(fromByteOffset: offset, as: UInt32.self) == wanted }
        let first = SIMD16<UInt8>(repeating: text.utf8Start[0])
        let second = SIMD16<UInt8>(repeating: text.utf8Start[1])
        var offset = start
        // Sixteen places at a time: hardly any has the first two characters.
        while offset + 19 <= count {
            let here = loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
            let behind = loadUnaligned(fromByteOffset: offset + 1, as: SIMD16<UInt8>.self)
            if any((here .== first) .& (behind .== second)), let found = (offset..<offset + 16).first(where: isAt) {
                return found
            }
            offset += 16
        }
        return (offset..<Swift.max(offset, count - 3)).first(where: isAt)
    }
}
