internal import CoreTypes
internal import SIPMessage
internal import Transport

/// One call from its INVITE to its end.
struct CallPassage {
    private enum Phase {
        case inviting
        case canceling
        case connected
        case hangingUp
    }

    /// What a timer of the line means when it comes back.
    private enum Timer {
        static let patience = 0
        static let hold = 1
        static let farewell = 2
        /// Retransmissions count up from here, so that those of an earlier request are told apart.
        static let retransmission = 100
    }

    private var dialog: ClientDialog
    private let post: @Sendable (@escaping @Sendable (Line) -> Void) -> Void
    private let onAnswer: @Sendable (CallAnswer) -> Void

    private var phase = Phase.inviting
    private var report = CallReport()
    private let clock = ContinuousClock()
    private var started: ContinuousClock.Instant
    private var hasProvisional = false
    private var challengesAnswered = 0
    /// What is sent again over UDP until it is answered, and what acknowledges a 2xx that comes again.
    private var outstanding: [UInt8] = []
    private var interval = Duration.zero
    private var retransmission = Timer.retransmission
    private var acknowledgment: [UInt8] = []

    /// How often a nonce may turn out stale before we give up.
    private static let mostChallenges = 3
    /// The longest wait for an answer to BYE or CANCEL.
    private static let farewell = Duration.seconds(4)
    /// RFC 3261's T2.
    private static let longestInterval = Duration.seconds(4)

    init(
        dialog: ClientDialog, post: @escaping @Sendable (@escaping @Sendable (Line) -> Void) -> Void,
        onAnswer: @escaping @Sendable (CallAnswer) -> Void
    ) {
        self.dialog = dialog
        self.post = post
        self.onAnswer = onAnswer
        started = clock.now
        report.callID = dialog.callID
    }

    mutating func run(_ events: AsyncStream<CallEvent>) async -> CallReport {
        started = clock.now
        wake(after: dialog.plan.patience, Timer.patience)
        sendUntilAnswered(dialog.invite(answering: nil, date: WallClock.now()))
        var isOver = false
        var iterator = events.makeAsyncIterator()
        while !isOver, let event = await iterator.next() {
            switch event {
            case .message(let message, let flow):
                isOver = message.isRequest ? received(request: message, flow) : received(response: message)
            case .failed(let reason):
                isOver = failed("not sent: \(reason.rawValue)")
            case .disconnected(let reason):
                isOver = failed("connection lost: \(reason.rawValue)")
            case .timer(let timer):
                isOver = timerFired(timer)
            }
        }
        return report
    }

    // MARK: What comes

    private mutating func received(response: Message) -> Bool {
        guard response.topVia.branch == dialog.branch, let status = response.status else {
            // A 2xx that comes again wants its ACK again; its branch is that of the INVITE, no longer ours.
            if response.method == .invite, let status = response.status, (200..<300).contains(status) {
                send(acknowledgment)
            }
            return false
        }
        switch response.method {
        case .invite: return receivedAnswer(response, status)
        case .bye where status >= 200:
            report.byeStatus = status
            return true
        default: return false
        }
    }

    private mutating func receivedAnswer(_ response: Message, _ status: Int) -> Bool {
        note(response, status)
        guard status >= 200 else {
            hasProvisional = true
            outstanding = []
            return false
        }
        outstanding = []
        if status < 300 {
            dialog.establish(response)
            acknowledgment = dialog.acknowledgeAnswer()
            send(acknowledgment)
            if phase == .canceling {
                hangUp()
            } else {
                phase = .connected
                report.ending = .hungUp
                wake(after: dialog.plan.hold, Timer.hold)
            }
            return false
        }
        send(dialog.acknowledgeRefusal(response))
        if phase == .inviting, status == 401 || status == 407, dialog.plan.password != nil,
            challengesAnswered < Self.mostChallenges, let challenge = ClientDialog.strongestChallenge(response),
            challengesAnswered == 0 || challenge.1.stale
        {
            challengesAnswered += 1
            report.algorithm = challenge.1.algorithm
            hasProvisional = false
            sendUntilAnswered(dialog.invite(answering: challenge, date: WallClock.now()))
            return false
        }
        report.ending = phase == .canceling ? .noAnswer : .refused
        return true
    }

    private mutating func note(_ response: Message, _ status: Int) {
        let answer = CallAnswer(
            status: status, reason: response.reasonPhrase,
            headers: response.fields.map { (response.text($0.nameRange), response.text($0.value)) },
            after: clock.now - started)
        report.answers.append(answer)
        onAnswer(answer)
    }

    private mutating func received(request: Message, _ flow: Flow) -> Bool {
        switch request.method {
        case .bye where phase == .connected || phase == .hangingUp:
            answer(request, 200, "OK", flow)
            if phase == .connected { report.ending = .peerHungUp }
            return true
        case .options:
            answer(request, 200, "OK", flow)
        case .ack:
            break
        case .invite, .update:
            answer(request, 488, "Not Acceptable Here", flow)
        default:
            answer(request, 501, "Not Implemented", flow)
        }
        return false
    }

    private mutating func failed(_ reason: String) -> Bool {
        // Once the call stood, how it went is known.
        if phase == .inviting || phase == .canceling { report.ending = .failed(reason) }
        return true
    }

    private mutating func timerFired(_ timer: Int) -> Bool {
        switch timer {
        case Timer.patience where phase == .inviting:
            guard hasProvisional else { return true }
            phase = .canceling
            send(dialog.cancel())
            wake(after: Self.farewell, Timer.farewell)
        case Timer.hold where phase == .connected:
            hangUp()
        case Timer.farewell where phase == .canceling || phase == .hangingUp:
            return true
        case retransmission where !outstanding.isEmpty:
            send(outstanding)
            interval = interval * 2
            if phase != .inviting { interval = min(interval, Self.longestInterval) }
            wake(after: interval, retransmission)
        default:
            break
        }
        return false
    }

    // MARK: What goes

    private mutating func hangUp() {
        phase = .hangingUp
        sendUntilAnswered(dialog.bye())
        wake(after: Self.farewell, Timer.farewell)
    }

    private mutating func sendUntilAnswered(_ bytes: [UInt8]) {
        send(bytes)
        guard !dialog.plan.transport.isReliable else { return }
        outstanding = bytes
        interval = dialog.plan.t1
        retransmission += 1
        wake(after: interval, retransmission)
    }

    private func send(_ bytes: [UInt8]) {
        let plan = dialog.plan
        let callID = dialog.callID
        post {
            $0.send(bytes, of: callID, to: plan.remote, transport: plan.transport, serverName: plan.serverName)
        }
    }

    private func answer(_ request: Message, _ status: Int, _ reason: String, _ flow: Flow) {
        let bytes = request.replyFields.response(ResponseDraft(status, reason), source: flow.remote)
        post { $0.answer(bytes, on: flow.id) }
    }

    private func wake(after delay: Duration, _ timer: Int) {
        let callID = dialog.callID
        post { $0.wake(callID, after: delay, timer: timer) }
    }
}
