import CLoad
import Glibc

/// The called party rings and answers at once. It keeps nothing but the answer, which it repeats until the ACK.
extension Load {
    private static let ok: StaticString = "SIP/2.0 200 OK\r\n"

    func receivedRequest(_ message: Span8, _ line: Line) {
        let markerLength = Templates.marker.utf8CodeUnitCount
        guard let found = message.find(Templates.marker),
            found + markerLength + CallNumber.length < message.count,
            let number = CallNumber(message.bytes + found + markerLength)
        else {
            // The edge's own: whether a side of a call is still there.
            if !message.starts(with: "ACK") { respond(Self.ok, to: message, line, end: calledEnd) }
            return
        }
        let call = calls.find(number)
        switch message.bytes[0] {
        case UInt8(ascii: "I"):
            guard let call else {
                tally.late += 1
                return
            }
            receivedInvite(call, message, line)
        case UInt8(ascii: "A"):
            guard let call else { return }
            call.pointee.answered = 2
            call.pointee.calledEpoch &+= 1
        default:
            if let call, message.starts(with: "BYE") {
                call.pointee.answered = 2
                call.pointee.calledEpoch &+= 1
            }
            respond(Self.ok, to: message, line, end: calledEnd)
        }
    }

    private func receivedInvite(_ call: UnsafeMutablePointer<Call>, _ message: Span8, _ line: Line) {
        switch call.pointee.answered {
        case 0:
            respond("SIP/2.0 180 Ringing\r\n", to: message, line, end: calledRinging)
            let length = respond(Self.ok, to: message, line, end: calledAnswer)
            guard length <= CallTable.Text.answer.capacity else {
                return fail(call, "the called party's 200 is too long")
            }
            memcpy(calls.text(call, .answer), scratch, length)
            call.pointee.answer = UInt16(length)
            call.pointee.answered = 1
            timers.retransmissions[0].arm(call.pointee.number, call.pointee.calledEpoch, isCalled: true, now: now)
        case 1:
            tally.repeatedByEdge(isMeasuring)
            resendAnswer(call)
        default:
            tally.repeatedByEdge(isMeasuring)
        }
    }

    func resendAnswer(_ call: UnsafeMutablePointer<Call>) {
        var writer = Writer(scratch)
        writer.add(calls.text(call, .answer), Int(call.pointee.answer))
        send(lines[Int(Self.calledToken)], writer)
    }

    /// Copies what RFC 3261 section 8.2.6.2 and 12.1.1 name, in the order in which it stands.
    @discardableResult
    private func respond(_ status: StaticString, to request: Span8, _ line: Line, end: Piece) -> Int {
        var writer = Writer(scratch)
        writer.add(status)
        guard let first = memchr(request.bytes, 0x0a, request.count) else { return 0 }
        let offset = Bytes(first.assumingMemoryBound(to: UInt8.self)) - request.bytes + 1
        request.forEachLine(from: offset) { field in
            switch field.bytes[0] | 0x20 {
            case UInt8(ascii: "v"):
                if field.isField("Via:") { writer.add(field.bytes, field.count) }
            case UInt8(ascii: "r"):
                if field.isField("Record-Route:") { writer.add(field.bytes, field.count) }
            case UInt8(ascii: "f"):
                if field.isField("From:") { writer.add(field.bytes, field.count) }
            case UInt8(ascii: "t"):
                guard field.isField("To:") else { return }
                writer.add(field.bytes, field.count)
                if field.find(";tag=") == nil {
                    writer.drop(2)
                    writer.add(";tag=called\r\n")
                }
            case UInt8(ascii: "c"):
                if field.isField("Call-ID:") || field.isField("CSeq:") { writer.add(field.bytes, field.count) }
            default: break
            }
        }
        writer.add(end)
        send(line, writer)
        return writer.count
    }
}
