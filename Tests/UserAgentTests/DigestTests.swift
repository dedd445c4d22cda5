import CoreTypes
import Defense
import NIOCore
import NIOPosix
import SIPMessage
import Synchronization
import Testing
import Transport
import UserAgent

/// A server that lets in who answers its challenge.
private final class Doorkeeper: TransportObserver {
    private let challenges: [DigestChallenge]
    private let password: String
    private var staleNonces: Int
    weak var layer: TransportLayer?

    init(_ algorithms: [DigestAlgorithm], password: String, staleNonces: Int) {
        challenges = algorithms.map {
            DigestChallenge(realm: "external.advisor", nonce: "n0nce", algorithm: $0, opaque: "op")
        }
        self.password = password
        self.staleNonces = staleNonces
    }

    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool {
        let bytes = Array(octets)
        guard let message = try? Message(parsing: bytes), message.isRequest, message.method != .ack else { return true }
        var draft = ResponseDraft(200, "OK", toTag: 1, fields: [("Contact", "<sip:\(flow.local)>")])
        if message.method == .invite, !isGood(message) || staleNonces > 0 {
            let isStale = isGood(message)
            if isStale { staleNonces -= 1 }
            draft = ResponseDraft(401, "Unauthorized", toTag: 1)
            for var challenge in challenges {
                challenge.stale = isStale
                draft.fields.append(("WWW-Authenticate", challenge.fieldValue))
            }
        }
        layer?.send(message.replyFields.response(draft, source: flow.remote), on: flow.id)
        return true
    }

    private func isGood(_ message: Message) -> Bool {
        guard let value = message.text(.authorization), let credentials = DigestCredentials(value),
            let algorithm = credentials.algorithm.flatMap({ DigestAlgorithm(token: $0) }),
            credentials.opaque == "op", credentials.uri == message.requestURI?.text
        else { return false }
        return credentials.response
            == DigestComputation.response(
                algorithm,
                ha1: DigestComputation.ha1(
                    algorithm, username: "expert-ethics", realm: credentials.realm, password: password),
                method: "INVITE", uri: credentials.uri, nonce: credentials.nonce,
                nonceCount: credentials.nonceCount ?? "", cnonce: credentials.cnonce ?? "", qop: credentials.qop ?? "")
    }

    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool { true }
    func opened(_ flow: Flow) {}
    func unframeable(_ reason: FramingFailure, on flow: Flow, head: [UInt8]) {}
    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure) {}
    func closed(_ id: FlowID, reason: CloseReason) {}
    func sendFailed(_ ticket: UInt64, reason: SendFailure) {}
}

@Suite(.timeLimit(.minutes(1))) struct DigestTests {
    private func call(
        _ algorithms: [DigestAlgorithm], password: String? = "secret", staleNonces: Int = 0
    ) async throws -> CallReport {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await loop.submit {
            let doorkeeper = Doorkeeper(algorithms, password: "secret", staleNonces: staleNonces)
            let layer = TransportLayer(loop: loop, observer: doorkeeper)
            doorkeeper.layer = layer
            return NIOLoopBound((doorkeeper, layer), eventLoop: loop)
        }.get()
        let bound = try await loop.flatSubmit { server.value.1.listen(.udp, on: loopback, index: 0) }.get()
        let caller = try await Caller()
        var plan = try plan(to: bound, by: .udp)
        plan.username = "expert-ethics"
        plan.password = password
        let report = await caller.place(plan)
        await caller.shutdown()
        try await loop.submit { server.value.1.shutdown() }.get()
        return report
    }

    @Test(
        "the strongest algorithm that is offered is used",
        arguments: [
            ([.md5], .md5), ([.sha256, .md5], .sha256), ([.md5, .sha256, .sha512_256], .sha512_256),
        ] as [([DigestAlgorithm], DigestAlgorithm)])
    func strongestAlgorithmOfferedUsed(
        offered: [DigestAlgorithm], used: DigestAlgorithm
    ) async throws {
        let report = try await call(offered)
        #expect(report.answers.map(\.status) == [401, 200])
        #expect(report.algorithm == used)
        #expect(report.isAnswered)
    }

    @Test("a stale nonce is answered again")
    func staleNonceAnsweredAgain() async throws {
        #expect(try await call([.sha256], staleNonces: 1).answers.map(\.status) == [401, 401, 200])
    }

    @Test("a wrong password is tried once")
    func wrongPasswordTriedOnce() async throws {
        let report = try await call([.sha256], password: "guess")
        #expect(report.answers.map(\.status) == [401, 401])
        #expect(report.ending == .refused)
    }

    @Test("without a password the challenge is the answer")
    func withoutPasswordChallengeAnswer() async throws {
        #expect(try await call([.sha256], password: nil).answers.map(\.status) == [401])
    }
}
