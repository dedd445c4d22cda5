public import CoreTypes
internal import NIOCore
internal import NIOPosix
public import TransportSecurity
public import SIPMessage
internal import Synchronization
internal import Transport

/// Answers calls and writes down what it was sent.
///
/// It rings, answers with a small session description, acknowledges BYE, OPTIONS and CANCEL. Safe to use from any task;
/// `shutdown` when done.
public final class AnsweringPhone: Sendable {
    /// How an INVITE is answered.
    public struct Manner: Sendable {
        /// Nil: no 180 is sent.
        public var ringsFor: Duration?
        public var status = 200
        public var reason = "OK"
        /// RFC 3261's T1, for the 2xx over UDP.
        public var t1 = Duration.milliseconds(500)

        public init(ringsFor: Duration? = .milliseconds(20), status: Int = 200, reason: String = "OK") {
            self.ringsFor = ringsFor
            self.status = status
            self.reason = reason
        }
    }

    /// A message as it came.
    public struct Received: Sendable {
        public let message: Message
        public let source: Endpoint
        public let transport: TransportKind
    }

    /// Addresses that it can be called at, in the order they were asked for.
    public let endpoints: [Endpoint]
    private let loop: any EventLoop
    private let phone: NIOLoopBound<Phone>
    private let log: PhoneLog

    /// Binds and begins to answer.
    /// - Parameter tls: for TLS endpoints, from `ServerTLS`.
    public init(
        on endpoints: [(transport: TransportKind, endpoint: Endpoint)], manner: Manner = Manner(),
        tls: TLSContext? = nil
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let log = PhoneLog()
        self.loop = loop
        self.log = log
        let phone = try await loop.submit {
            NIOLoopBound(Phone(loop: loop, manner: manner, tls: tls, log: log), eventLoop: loop)
        }.get()
        self.phone = phone
        var bound: [Endpoint] = []
        for (transport, endpoint) in endpoints {
            bound.append(try await loop.flatSubmit { phone.value.listen(transport, endpoint) }.get())
        }
        self.endpoints = bound
    }

    /// All that was received so far, oldest first; at most the latest 10,000.
    public var received: [Received] { log.received }

    /// What was received so far, and then what comes, until `shutdown`.
    public func messages() -> AsyncStream<Received> { log.stream() }

    /// Changes how later calls are answered.
    public func setManner(_ manner: Manner) async {
        try? await loop.submit { [phone] in phone.value.manner = manner }.get()
    }

    public func shutdown() async {
        try? await loop.submit { [phone] in phone.value.shutdown() }.get()
        log.finish()
    }
}

/// What a phone was sent, for other threads to look at.
final class PhoneLog: Sendable {
    private struct State {
        var received: [AnsweringPhone.Received] = []
        var listeners: [AsyncStream<AnsweringPhone.Received>.Continuation] = []
        var isFinished = false
    }

    private static let capacity = 10_000
    private let state = Mutex(State())

    var received: [AnsweringPhone.Received] { state.withLock { $0.received } }

    func append(_ message: AnsweringPhone.Received) {
        state.withLock { state in
            if state.received.count >= Self.capacity { state.received.removeFirst(Self.capacity / 2) }
            state.received.append(message)
            for listener in state.listeners { listener.yield(message) }
        }
    }

    func stream() -> AsyncStream<AnsweringPhone.Received> {
        let (stream, continuation) = AsyncStream<AnsweringPhone.Received>.makeStream()
        state.withLock { state in
            for message in state.received { continuation.yield(message) }
            if state.isFinished { continuation.finish() } else { state.listeners.append(continuation) }
        }
        return stream
    }

    func finish() {
        state.withLock { state in
            state.isFinished = true
            for listener in state.listeners { listener.finish() }
            state.listeners = []
        }
    }
}
