import CLoad
import Glibc

/// Callers and called party on one thread. Work is begun at a steady rate, whatever has become of earlier work.
final class Load {
    let plan: Plan
    let epoll: Int32
    let templates: [Templates]
    var calls: CallTable
    var timers: Timers
    var tally = Tally()
    /// By token: the called party, then the callers, then the connections.
    var lines: [Line] = []
    var freeTokens: [UInt32] = []
    /// Lines to be flushed at the end of the turn.
    var waiting: [Line] = []
    var tlsContext: OpaquePointer?
    var flood: Flood?
    var now = Load.clock()
    /// Connections that are closed soon.
    var lingering: [(until: UInt64, line: Line)] = []
    let calledEnd: Piece
    let calledRinging: Piece
    let calledAnswer: Piece
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 8192)
    let digestScratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 1024)
    let received = UnsafeMutablePointer<UInt8>.allocate(capacity: Load.slotBytes * load_batch)
    private let lengths = UnsafeMutablePointer<UInt32>.allocate(capacity: load_batch)

    static let slotBytes = 4096
    static let calledToken: UInt32 = 0
    static let inputToken = UInt32.max
    /// The shortest sleep: what is due within it is begun together.
    private static let tick: UInt64 = 200_000

    var launched = 0
    var isMeasuring = false
    var isReleased = false
    private var hasConnectedCalled = false
    private var wasReady = false
    private var start: UInt64 = 0

    init(_ plan: Plan) throws {
        self.plan = plan
        epoll = load_epoll_create()
        guard epoll >= 0 else { throw Failure.system("epoll") }
        calls = CallTable(seed: plan.seed)
        timers = Timers(plan)
        let contact = "Contact: <sip:\(plan.called)@\(plan.calledParty.description)>\r\n"
        let session = Templates.session.map { $0 + "\r\n" }.joined()
        calledEnd = Piece("Content-Length: 0\r\n\r\n")
        calledRinging = Piece(contact + "Content-Length: 0\r\n\r\n")
        calledAnswer = Piece(
            contact + "Content-Type: application/sdp\r\nContent-Length: \(session.utf8.count)\r\n\r\n" + session)
        let called = try Sockets.datagrams(from: plan.calledParty, to: nil)
        lines.append(Line(datagrams: called, token: Self.calledToken))
        var ports: [UInt16] = []
        if plan.transport == .udp {
            for index in 0..<plan.callers {
                let source = Endpoint(address: plan.source + UInt32(index) % plan.sourceSpread, port: 0)
                let line = Line(
                    datagrams: try Sockets.datagrams(from: source, to: plan.target), token: UInt32(lines.count))
                ports.append(try Sockets.port(of: line.descriptor))
                lines.append(line)
            }
        }
        templates = (0..<(plan.transport == .udp ? plan.callers : plan.users)).map { index in
            let user = index % plan.users
            let password = plan.work == .wrongPassword ? "wrong" : "secret-\(user)"
            let host = Endpoint.text(plan.source + UInt32(index) % plan.sourceSpread)
            return Templates(
                user: "u\(user)", password: password, sentBy: "\(host):\(ports.isEmpty ? 5060 : ports[index])",
                transport: plan.transport.rawValue.uppercased(), plan: plan)
        }
        for line in lines {
            guard load_epoll_add(epoll, line.descriptor, line.token, 0) == 0 else { throw Failure.system("epoll") }
        }
        if plan.floodRate > 0 { flood = try Flood(plan, templates[0]) }
        if plan.transport == .tls {
            tlsContext = load_tls_context(plan.authorities, plan.resumes ? 1 : 0)
            guard tlsContext != nil else { throw Failure("no TLS with the authorities in '\(plan.authorities)'") }
        }
    }

    static func clock() -> UInt64 {
        monotonicNanoseconds()
    }

    // MARK: The loop

    func run() throws -> Report {
        let connects =
            plan.transport != .udp && !plan.connectionPerCall && plan.work != .connections && plan.work != .handshake
        if connects { try openCallers() }
        start = Self.clock()
        let windowStart = start + UInt64(plan.warmUp * 1e9)
        let windowEnd = windowStart + UInt64(plan.seconds * 1e9)
        let launchEnd = plan.count > 0 ? UInt64.max : windowEnd
        var begun: (account: CPUAccount, own: Double, at: UInt64)?
        var report: Report?
        let watched = try CPUAccount.family(of: plan.watched)
        while true {
            now = Self.clock()
            if begun == nil, now >= windowStart {
                begun = (try CPUAccount.take(watched, port: plan.target.port), CPUAccount.ownMicroseconds(), now)
                isMeasuring = true
                tally.beginWindow(flood?.sent ?? 0)
            }
            if let begun, report == nil, now >= windowEnd {
                report = Report(
                    plan, tally, flood, cpu: try CPUAccount.take(watched, port: plan.target.port), since: begun.account,
                    own: CPUAccount.ownMicroseconds() - begun.own, seconds: Double(now - begun.at) / 1e9)
                isMeasuring = false
            }
            if now < launchEnd { try launchDue() }
            try fireTimers()
            if now < launchEnd { flood?.sendDue(now - start) }
            flush()
            if let report, hasEnded(launchEnd) { return report.finished(tally) }
            try announceReady()
            try wait(launchEnd)
        }
    }

    private func hasEnded(_ launchEnd: UInt64) -> Bool {
        if plan.hold == nil || plan.work == .connections {
            return isReleased && (plan.work == .connections || calls.live == 0)
        }
        return (now >= launchEnd || (plan.count > 0 && launched == plan.count)) && calls.live == 0
    }

    private func launchDue() throws {
        var due = Int(Double(now - start) / 1e9 * plan.rate) - launched
        if plan.count > 0 { due = min(due, plan.count - launched) }
        tally.lag = max(tally.lag, due)
        for _ in 0..<min(max(due, 0), 64) {
            launched += 1
            try launch()
        }
    }

    /// Tells whoever started this that all are up, and waits for a line from there.
    private func announceReady() throws {
        guard !wasReady, plan.count > 0, plan.hold == nil || plan.work == .connections,
            tally.up + tally.failed + tally.failedOutside >= plan.count
        else { return }
        wasReady = true
        print("ready \(tally.up) of \(plan.count)")
        fflush(nil)
        guard load_epoll_add(epoll, 0, Self.inputToken, 0) == 0 else { throw Failure.system("standard input") }
    }

    private func wait(_ launchEnd: UInt64) throws {
        var next = timers.next
        if now < launchEnd, plan.count == 0 || launched < plan.count {
            next = min(next, start + UInt64(Double(launched + 1) / plan.rate * 1e9))
            if flood != nil { next = min(next, now + Self.tick) }
        }
        next = min(next, now + 20_000_000)
        let sleep = max(next > now ? next - now : 0, Self.tick)
        var events = (0..<load_batch).map { _ in load_event() }
        let count = load_epoll_wait(epoll, &events, Int64(sleep))
        guard count >= 0 || errno == EINTR else { throw Failure.system("epoll") }
        now = Self.clock()
        for index in 0..<max(Int(count), 0) {
            let event = events[index]
            if event.token == Self.inputToken {
                isReleased = true
                guard load_epoll_remove(epoll, 0) == 0 else { throw Failure.system("epoll") }
                releaseHeld()
                continue
            }
            let line = lines[Int(event.token)]
            if line.isStream {
                serve(line)
            } else {
                try receiveDatagrams(line)
            }
        }
        flush()
    }

    private func releaseHeld() {
        calls.forEach(in: .up, limit: .max) { call in
            call.pointee.deadline = now + timers.giveUp.length
            timers.giveUp.arm(call.pointee.number, 0, isCalled: false, now: now)
            // Spread over as long as they took to come up.
            timers.hold.arm(call.pointee.number, call.pointee.epoch, isCalled: false, now: now)
        }
    }

    func send(_ line: Line, _ writer: Writer) {
        do {
            if !line.isStream, !line.hasDatagrams { waiting.append(line) }
            try line.send(writer.start, writer.count)
        } catch {
            lose(line, "\(error)")
        }
    }

    func flush() {
        guard !waiting.isEmpty else { return }
        for line in waiting { line.flush() }
        waiting.removeAll(keepingCapacity: true)
    }

    private func receiveDatagrams(_ line: Line) throws {
        if line.token == Self.calledToken, !hasConnectedCalled {
            try Sockets.connectToFirstSender(line.descriptor)
            hasConnectedCalled = true
        }
        while true {
            let count = load_receive(line.descriptor, received, Self.slotBytes, lengths)
            if count < 0 {
                if errno == EAGAIN { return }
                if errno == ECONNREFUSED {
                    tally.unreachable += 1
                    return
                }
                throw Failure.system("receive")
            }
            for index in 0..<Int(count) {
                take(Span8(bytes: received + index * Self.slotBytes, count: Int(lengths[index])), from: line)
            }
            if Int(count) < load_batch { return }
        }
    }

    func take(_ message: Span8, from line: Line) {
        if message.starts(with: "SIP/2.0 ") {
            receivedResponse(message, line)
        } else {
            receivedRequest(message, line)
        }
    }

    // MARK: Timers

    private func fireTimers() throws {
        for index in timers.retransmissions.indices {
            while let entry = timers.retransmissions[index].takeDue(now) {
                guard let call = calls.find(entry.number) else { continue }
                if entry.isCalled {
                    guard call.pointee.calledEpoch == entry.epoch, call.pointee.answered == 1 else { continue }
                    resendAnswer(call)
                } else {
                    guard call.pointee.epoch == entry.epoch else { continue }
                    resend(call)
                }
                tally.retransmitted(isMeasuring)
                let next = min(index + 1, timers.retransmissions.count - 1)
                timers.retransmissions[next].arm(entry.number, entry.epoch, isCalled: entry.isCalled, now: now)
            }
        }
        while let entry = timers.hold.takeDue(now) {
            guard let call = calls.find(entry.number), call.pointee.epoch == entry.epoch else { continue }
            if call.pointee.stage == .up { hangUp(call) }
        }
        while let entry = timers.giveUp.takeDue(now) {
            guard let call = calls.find(entry.number), call.pointee.stage != .up else { continue }
            if call.pointee.deadline > now {
                timers.giveUp.arm(entry.number, 0, isCalled: false, now: now)
            } else {
                tally.gaveUp(in: call.pointee.stage)
                finish(call, status: 0)
            }
        }
        try closeLingering()
    }

    func arm(_ call: UnsafeMutablePointer<Call>, _ line: Line) {
        guard !line.isStream else { return }
        timers.retransmissions[0].arm(call.pointee.number, call.pointee.epoch, isCalled: false, now: now)
    }
}

private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
