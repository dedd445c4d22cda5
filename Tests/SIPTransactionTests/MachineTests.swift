import SIPTransaction
import Testing

private let timers = TransactionTimers()
private let t1 = timers.t1
private let timeout = timers.transactionTimeout

extension TransactionStep {
    fileprivate static var delivered: TransactionStep {
        var step = TransactionStep()
        step.deliver = true
        return step
    }

    fileprivate static var acknowledged: TransactionStep {
        var step = TransactionStep()
        step.acknowledge = true
        return step
    }
}

@Suite("INVITE client transaction (17.1.1, RFC 6026)")
struct ClientInviteTests {
    @Test("without an answer the INVITE is repeated at doubling intervals until timer B")
    func timeoutPath() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: false)
        let started = machine.start()
        #expect(started.transmit && started.retransmission == .set(t1) && started.deadline == .set(timeout))
        for factor in [2, 4, 8, 16] as [UInt64] {
            #expect(machine.retransmissionFired().retransmission == .set(t1 * factor))
        }
        #expect(machine.deadlineFired().end == .timeout)
        #expect(machine.received(status: 200) == .nothing)
    }

    @Test("over a reliable transport nothing is repeated")
    func reliable() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: true)
        #expect(machine.start().retransmission == .clear)
    }

    @Test("a provisional response stops timers A and B")
    func provisional() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: false)
        _ = machine.start()
        let first = machine.received(status: 180)
        #expect(first.deliver && first.retransmission == .clear && first.deadline == .clear)
        #expect(machine.received(status: 183) == .delivered)
        #expect(machine.retransmissionFired() == .nothing)
        #expect(machine.deadlineFired() == .nothing)
    }

    @Test("every 2xx goes up while Accepted, and nothing else does")
    func accepted() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: false)
        _ = machine.start()
        #expect(machine.received(status: 200).deadline == .set(timeout))
        #expect(machine.received(status: 200) == .delivered)
        #expect(machine.received(status: 486) == .nothing)
        #expect(machine.received(status: 180) == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }

    @Test("a refusal is acknowledged each time and delivered once")
    func refused() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: false)
        _ = machine.start()
        let first = machine.received(status: 486)
        #expect(first.deliver && first.acknowledge && first.deadline == .set(timeout))
        #expect(machine.received(status: 486) == .acknowledged)
        #expect(machine.received(status: 200) == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }

    @Test("over a reliable transport a refusal ends it at once")
    func refusedReliable() {
        var machine = ClientInviteTransaction(timers: timers, isReliable: true)
        _ = machine.start()
        let first = machine.received(status: 603)
        #expect(first.deliver && first.acknowledge && first.end == .done)
    }
}

@Suite("Non-INVITE client transaction (17.1.2)")
struct ClientNonInviteTests {
    @Test("timer E doubles up to T2, and is T2 once a provisional response came")
    func timerE() {
        var machine = ClientNonInviteTransaction(timers: timers, isReliable: false)
        _ = machine.start()
        #expect(machine.retransmissionFired().retransmission == .set(2 * t1))
        #expect(machine.received(status: 100).deliver)
        #expect(machine.retransmissionFired().retransmission == .set(timers.t2))
        #expect(machine.deadlineFired().end == .timeout)
    }

    @Test("a final response is delivered once; repeats are absorbed until timer K")
    func completed() {
        var machine = ClientNonInviteTransaction(timers: timers, isReliable: false)
        _ = machine.start()
        let first = machine.received(status: 404)
        #expect(first.deliver && first.retransmission == .clear && first.deadline == .set(timers.t4))
        #expect(machine.received(status: 404) == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }
}

@Suite("INVITE server transaction (17.2.1, RFC 6026)")
struct ServerInviteTests {
    @Test("a repeated INVITE gets the latest provisional response again")
    func repeated() {
        var machine = ServerInviteTransaction(timers: timers, isReliable: false)
        #expect(machine.receivedRetransmission() == .nothing)
        #expect(machine.respond(status: 100).transmit)
        #expect(machine.receivedRetransmission().transmit)
    }

    @Test("a refusal is repeated on timer G up to T2 until the ACK, then for timer I absorbed")
    func refused() {
        var machine = ServerInviteTransaction(timers: timers, isReliable: false)
        let first = machine.respond(status: 486)
        #expect(first.transmit && first.retransmission == .set(t1) && first.deadline == .set(timeout))
        let intervals = (0..<5).map { _ in machine.retransmissionFired().retransmission }
        #expect(intervals == [.set(2 * t1), .set(4 * t1), .set(8 * t1), .set(timers.t2), .set(timers.t2)])
        #expect(machine.receivedRetransmission().transmit)
        let acknowledged = machine.receivedAck()
        #expect(!acknowledged.deliver && acknowledged.retransmission == .clear)
        #expect(acknowledged.deadline == .set(timers.t4))
        #expect(machine.receivedAck() == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }

    @Test("without an ACK timer H ends it as a timeout")
    func noAck() {
        var machine = ServerInviteTransaction(timers: timers, isReliable: false)
        _ = machine.respond(status: 500)
        #expect(machine.deadlineFired().end == .timeout)
    }

    @Test("behind a 2xx the INVITE is absorbed, the ACK delivered, more 2xx sent")
    func accepted() {
        var machine = ServerInviteTransaction(timers: timers, isReliable: false)
        _ = machine.respond(status: 180)
        let first = machine.respond(status: 200)
        #expect(first.transmit && first.deadline == .set(timeout) && first.retransmission == .keep)
        #expect(machine.receivedRetransmission() == .nothing)
        #expect(machine.receivedAck().deliver)
        #expect(machine.respond(status: 200).transmit)
        #expect(machine.respond(status: 486) == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }
}

@Suite("Non-INVITE server transaction (17.2.2)")
struct ServerNonInviteTests {
    @Test("a repeated request gets the latest response, none before there is one")
    func repeated() {
        var machine = ServerNonInviteTransaction(timers: timers, isReliable: false)
        #expect(!machine.receivedRetransmission().transmit)
        #expect(machine.respond(status: 200).deadline == .set(timeout))
        #expect(machine.receivedRetransmission().transmit)
        #expect(machine.respond(status: 500) == .nothing)
        #expect(machine.deadlineFired().end == .done)
    }

    @Test("over a reliable transport a final response ends it")
    func reliable() {
        var machine = ServerNonInviteTransaction(timers: timers, isReliable: true)
        let last = machine.respond(status: 200)
        #expect(last.transmit && last.end == .done)
    }
}
