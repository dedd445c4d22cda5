import CLoad
import Glibc

extension Load {
    // MARK: Beginning

    func launch() throws {
        if plan.work == .connections || plan.work == .handshake {
            try openConnection(owner: nil)
            return
        }
        guard let call = calls.take() else {
            tally.fail("no slot", isMeasured: isMeasuring)
            return
        }
        call.pointee.isMeasured = isMeasuring
        call.pointee.started = now
        call.pointee.deadline = now + timers.giveUp.length
        call.pointee.identity = Int32(launched % templates.count)
        timers.giveUp.arm(call.pointee.number, 0, isCalled: false, now: now)
        if plan.connectionPerCall {
            call.pointee.stage = .connecting
            call.pointee.line = Int32(try openConnection(owner: call.pointee.number).token)
        } else {
            call.pointee.line = Int32(1 + launched % plan.callers)
            begin(call)
        }
    }

    func begin(_ call: UnsafeMutablePointer<Call>) {
        call.pointee.stage =
            switch plan.work {
            case .options, .malformed: .probing
            default: .inviting
            }
        call.pointee.started = now
        resend(call)
        arm(call, lines[Int(call.pointee.line)])
    }

    /// Writes what the call waits for an answer to; the first time, too.
    func resend(_ call: UnsafeMutablePointer<Call>) {
        let mine = templates[Int(call.pointee.identity)]
        var writer = Writer(scratch)
        switch call.pointee.stage {
        case .inviting: mine.invite.write(to: &writer, call.pointee.number)
        case .probing:
            (plan.work == .options ? mine.options : mine.malformed).write(to: &writer, call.pointee.number)
        case .authorizing: writeAuthorized(call, mine, to: &writer)
        case .ending: writeInDialog("BYE ", call, mine.byeHead, mine.byeTail, to: &writer)
        case .free, .connecting, .up: return
        }
        send(lines[Int(call.pointee.line)], writer)
    }

    private func writeAuthorized(
        _ call: UnsafeMutablePointer<Call>, _ mine: borrowing Templates, to writer: inout Writer
    ) {
        mine.authorizedHead.write(to: &writer, call.pointee.number)
        if call.pointee.isProxyChallenge { writer.add("Proxy-A") } else { writer.add("A") }
        writer.add(mine.credentialsHead)
        let nonce = Span8(bytes: calls.text(call, .nonce), count: Int(call.pointee.nonce))
        writer.add(nonce.bytes, nonce.count)
        writer.add("\", response=\"")
        Digest.addResponse(plan.algorithm, mine, nonce: nonce, scratch: digestScratch, to: &writer)
        if call.pointee.opaque > 0 {
            writer.add("\", opaque=\"")
            writer.add(calls.text(call, .opaque), Int(call.pointee.opaque))
        }
        writer.add("\"\r\n")
        mine.authorizedTail.write(to: &writer, call.pointee.number)
    }

    private func writeInDialog(
        _ method: StaticString, _ call: UnsafeMutablePointer<Call>, _ head: Template, _ tail: Template,
        to writer: inout Writer
    ) {
        writer.add(method)
        writer.add(calls.text(call, .target), Int(call.pointee.target))
        writer.add(" SIP/2.0\r\n")
        head.write(to: &writer, call.pointee.number)
        writer.add(calls.text(call, .to), Int(call.pointee.to))
        writer.add(calls.text(call, .routes), Int(call.pointee.routes))
        tail.write(to: &writer, call.pointee.number)
    }

    // MARK: Responses

    func receivedResponse(_ message: Span8, _ line: Line) {
        let markerLength = Templates.marker.utf8CodeUnitCount
        guard let found = message.find(Templates.marker),
            found + markerLength + CallNumber.length < message.count,
            let number = CallNumber(message.bytes + found + markerLength)
        else {
            tally.strays += 1
            return
        }
        guard let call = calls.find(number) else {
            tally.late += 1
            return
        }
        let status = (0..<3).reduce(0) { $0 * 10 + Int(message.bytes[8 + $1]) - 48 }
        switch message.bytes[found + markerLength + CallNumber.length] {
        case UInt8(ascii: "i"): answered(call, message, line, status, isSecond: false)
        case UInt8(ascii: "a"): answered(call, message, line, status, isSecond: true)
        case UInt8(ascii: "b"):
            if call.pointee.stage == .ending, status >= 200 { finish(call, status: status) }
        case UInt8(ascii: "o"):
            if call.pointee.stage == .probing, status >= 200 { finish(call, status: status) }
        default: tally.strays += 1
        }
    }

    private func answered(
        _ call: UnsafeMutablePointer<Call>, _ message: Span8, _ line: Line, _ status: Int, isSecond: Bool
    ) {
        let isAwaited = call.pointee.stage == (isSecond ? .authorizing : .inviting)
        if status < 200 {
            if isAwaited, !call.pointee.isProceeding {
                call.pointee.isProceeding = true
                call.pointee.epoch &+= 1
            }
            return
        }
        if status < 300 {
            if isAwaited {
                establish(call, message, line)
            } else if call.pointee.stage == .up || call.pointee.stage == .ending {
                acknowledge(call, line)
            }
            return
        }
        if plan.makesCalls || plan.isAuthenticated || plan.acknowledgesRefusals {
            acknowledgeRefusal(call, message, line, isSecond: isSecond)
        }
        guard isAwaited else { return }
        if !isSecond, plan.isAuthenticated, status == 401 || status == 407 {
            authorize(call, message, line, isProxy: status == 407)
        } else {
            finish(call, status: status)
        }
    }

    private func authorize(_ call: UnsafeMutablePointer<Call>, _ message: Span8, _ line: Line, isProxy: Bool) {
        guard let nonce = message.value(after: "nonce=\"", to: UInt8(ascii: "\"")),
            keep(nonce, as: .nonce, of: call, \.nonce)
        else { return fail(call, "challenge without a usable nonce") }
        if let opaque = message.value(after: "opaque=\"", to: UInt8(ascii: "\"")),
            !keep(opaque, as: .opaque, of: call, \.opaque)
        {
            return fail(call, "challenge with too long an opaque")
        }
        call.pointee.isProxyChallenge = isProxy
        call.pointee.isProceeding = false
        call.pointee.stage = .authorizing
        call.pointee.epoch &+= 1
        resend(call)
        arm(call, line)
    }

    /// What the 200 says of the dialog: remote target, route set, To tag.
    private func establish(_ call: UnsafeMutablePointer<Call>, _ message: Span8, _ line: Line) {
        guard let contact = message.find("\nContact:"), contact < message.count,
            let target = Span8(bytes: message.bytes + contact, count: message.count - contact)
                .value(after: "<", to: UInt8(ascii: ">")),
            keep(target, as: .target, of: call, \.target)
        else { return fail(call, "200 without a usable Contact") }
        guard let to = toLine(of: message), keep(to, as: .to, of: call, \.to) else {
            return fail(call, "200 without a usable To")
        }
        guard keepRoutes(call, message) else { return fail(call, "200 without a usable Record-Route") }
        call.pointee.epoch &+= 1
        call.pointee.stage = .up
        tally.up += 1
        tally.established(now - call.pointee.started, isMeasured: call.pointee.isMeasured)
        acknowledge(call, line)
        if let hold = plan.hold {
            if hold == 0 {
                hangUp(call)
            } else {
                timers.hold.arm(call.pointee.number, call.pointee.epoch, isCalled: false, now: now)
            }
        }
    }

    private func toLine(of message: Span8) -> Span8? {
        guard let start = message.find("\nTo:") else { return nil }
        guard let end = memchr(message.bytes + start + 1, 0x0a, message.count - start - 1) else { return nil }
        let last = Bytes(end.assumingMemoryBound(to: UInt8.self)) - message.bytes
        return Span8(bytes: message.bytes + start + 1, count: last - start)
    }

    private func keep(
        _ text: Span8, as place: CallTable.Text, of call: UnsafeMutablePointer<Call>,
        _ length: WritableKeyPath<Call, UInt16>
    ) -> Bool {
        guard text.count > 0, text.count <= place.capacity else { return false }
        memcpy(calls.text(call, place), text.bytes, text.count)
        call.pointee[keyPath: length] = UInt16(text.count)
        return true
    }

    /// The route set is the Record-Route values in reverse order (RFC 3261 section 12.1.2).
    private func keepRoutes(_ call: UnsafeMutablePointer<Call>, _ message: Span8) -> Bool {
        var values: (Span8?, Span8?, Span8?, Span8?) = (nil, nil, nil, nil)
        var count = 0
        message.forEachLine(from: 0) { line in
            guard line.isField("Record-Route:") else { return }
            var start = 13
            var isInside = false
            for index in 13..<line.count {
                switch line.bytes[index] {
                case UInt8(ascii: "<"): isInside = true
                case UInt8(ascii: ">"): isInside = false
                case UInt8(ascii: ",") where !isInside, 0x0d:
                    let value = Span8(bytes: line.bytes + start, count: index - start)
                    switch count {
                    case 0: values.0 = value
                    case 1: values.1 = value
                    case 2: values.2 = value
                    default: values.3 = value
                    }
                    count += 1
                    start = index + 1
                default: break
                }
            }
        }
        guard count > 0, count <= 4 else { return false }
        var writer = Writer(calls.text(call, .routes))
        for value in [values.3, values.2, values.1, values.0] {
            guard let value else { continue }
            guard writer.count + value.count + 9 <= CallTable.Text.routes.capacity else { return false }
            writer.add("Route:")
            writer.add(value.bytes, value.count)
            writer.add("\r\n")
        }
        call.pointee.routes = UInt16(writer.count)
        return true
    }

    // MARK: Requests behind the INVITE

    private func acknowledge(_ call: UnsafeMutablePointer<Call>, _ line: Line) {
        let mine = templates[Int(call.pointee.identity)]
        var writer = Writer(scratch)
        writeInDialog("ACK ", call, mine.dialogAckHead, mine.dialogAckTail, to: &writer)
        send(line, writer)
    }

    private func acknowledgeRefusal(
        _ call: UnsafeMutablePointer<Call>, _ message: Span8, _ line: Line, isSecond: Bool
    ) {
        guard let to = toLine(of: message) else { return }
        let mine = templates[Int(call.pointee.identity)]
        var writer = Writer(scratch)
        (isSecond ? mine.secondAckHead : mine.firstAckHead).write(to: &writer, call.pointee.number)
        writer.add(to.bytes, to.count)
        (isSecond ? mine.secondAckTail : mine.firstAckTail).write(to: &writer, call.pointee.number)
        send(line, writer)
    }

    func hangUp(_ call: UnsafeMutablePointer<Call>) {
        call.pointee.stage = .ending
        call.pointee.epoch &+= 1
        call.pointee.deadline = now + timers.giveUp.length
        if plan.hold != 0 { timers.giveUp.arm(call.pointee.number, 0, isCalled: false, now: now) }
        resend(call)
        arm(call, lines[Int(call.pointee.line)])
    }

    // MARK: Ending

    func finish(_ call: UnsafeMutablePointer<Call>, status: Int) {
        if status == plan.expected {
            tally.succeed(call.pointee.isMeasured, isMeasuring: isMeasuring)
            if !plan.makesCalls { tally.established(now - call.pointee.started, isMeasured: call.pointee.isMeasured) }
        } else {
            tally.fail(status == 0 ? "no answer" : String(status), isMeasured: call.pointee.isMeasured)
        }
        release(call)
    }

    func fail(_ call: UnsafeMutablePointer<Call>, _ why: String) {
        tally.fail(why, isMeasured: call.pointee.isMeasured)
        release(call)
    }

    private func release(_ call: UnsafeMutablePointer<Call>) {
        if plan.connectionPerCall { linger(lines[Int(call.pointee.line)]) }
        calls.release(call)
    }
}
