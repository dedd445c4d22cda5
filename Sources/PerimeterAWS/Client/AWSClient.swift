internal import CoreTypes
internal import Synchronization

/// Signs requests, sends them, tries again what is worth it, and reads answers.
final class AWSClient: Sendable {
    let settings: AWSSettings
    private let exchange: HTTPExchange
    private let store: CredentialStore
    private let retries: RetryPolicy
    /// For one try.
    private let patience: Duration
    /// Of one answer, in octets.
    private let largest: Int
    /// How far the services' clock is ahead of ours, in milliseconds, once one of them has complained.
    private let clockOffset = Mutex<Int64>(0)

    /// - Parameters:
    ///   - exchange: when it is another's, that one closes it.
    ///   - store: nil: by the standard chain.
    init(
        _ settings: AWSSettings, exchange: HTTPExchange = HTTPExchange(), store: CredentialStore? = nil,
        retries: RetryPolicy = RetryPolicy(), patience: Duration = .seconds(30),
        largest: Int = 32 << 20
    ) {
        self.settings = settings
        self.retries = retries
        self.patience = patience
        self.largest = largest
        self.exchange = exchange
        self.store = store ?? CredentialStore(CredentialChain(settings: settings, exchange: exchange))
    }

    /// Must be called once, after the last answer.
    func close() async throws { try await exchange.close() }

    /// - Parameters:
    ///   - what: the operation, for messages.
    ///   - isExpected: says of a status that is no success that it is an answer all the same.
    func send(
        _ service: AWSService, _ what: String, _ request: ServiceRequest, scheme: String,
        isExpected: (Int) -> Bool = { _ in false }
    ) async throws(AWSError) -> HTTPExchange.Answer {
        let place = "\(service.rawValue) \(what)"
        let signer = Signer(region: settings.region, service: service.signingName, isS3: service == .s3)
        var credentials = try await store.current()
        var attempt = 1
        // What is mended is tried again at once, each thing one time only.
        var mended: Set<String> = []
        while true {
            let trouble: Trouble
            do {
                let answer = try await sendOnce(request, scheme: scheme, signer: signer, credentials: credentials)
                if (200..<300).contains(answer.status) || isExpected(answer.status) { return answer }
                trouble = read(answer, place: place, credentials: credentials)
            } catch {
                trouble = Trouble(error: Self.error(error, "\(scheme)://\(request.host)", place: place))
            }
            if let ahead = trouble.clockAhead, mended.insert("clock").inserted {
                clockOffset.withLock { $0 = ahead }
                continue
            }
            if trouble.isExpiry, mended.insert("credentials").inserted,
                let others = try await store.replacement(of: credentials)
            {
                credentials = others
                continue
            }
            guard trouble.error.isWorthRetrying,
                let pause = retries.pause(
                    after: attempt, isThrottled: trouble.error.isThrottling, asked: trouble.asked,
                    random: settings.surroundings.random())
            else { throw trouble.error }
            do {
                try await settings.surroundings.pause(pause)
            } catch {
                throw trouble.error
            }
            attempt += 1
        }
    }

    private func sendOnce(
        _ request: ServiceRequest, scheme: String, signer: Signer, credentials: Credentials
    ) async throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        let now = settings.surroundings.now() + clockOffset.withLock { $0 }
        let signature = signer.sign(request, with: credentials, now: now)
        // The client makes Host of the URL, which has the same host.
        return try await exchange.send(
            request.method, "\(scheme)://\(request.host)\(request.target)",
            headers: request.headers + signature.headers + [.init("User-Agent", "sallyport")], body: request.body,
            within: patience, size: largest)
    }

    /// What came instead of a success.
    private struct Trouble {
        let error: AWSError
        var asked: Duration?
        /// When the service minds our clock: how far its own is ahead, in milliseconds.
        var clockAhead: Int64?
        var isExpiry = false
    }

    private static func error(_ failure: HTTPExchange.Failure, _ asked: String, place: String) -> AWSError {
        switch failure.kind {
        case .timeout, .connection:
            AWSError(
                code: AWSError.Code.noAnswer, "no answer from \(asked): \(failure.description)", place: place,
                fault: .network, isWorthRetrying: true, advice: "check the region, the endpoint and the way to it")
        case .tooLarge:
            AWSError(code: AWSError.Code.badAnswer, failure.description, place: place, fault: .service)
        case .canceled:
            AWSError(code: AWSError.Code.noAnswer, failure.description, place: place, fault: .network)
        }
    }

    private static let clockCodes: Set = [
        "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "SignatureDoesNotMatch", "AuthFailure",
        "InvalidSignatureException",
    ]
    private static let expiryCodes: Set = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"]
    private static let keyCodes: Set = [
        "SignatureDoesNotMatch", "AuthFailure", "InvalidClientTokenId", "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ]
    /// Services take what is within 5 minutes; a clock that is off by less is not what they mind.
    private static let tolerance: Int64 = 4 * 60_000

    private func read(_ answer: HTTPExchange.Answer, place: String, credentials: Credentials) -> Trouble {
        let told = ErrorAnswer.read(answer.body)
        let code = told?.code ?? "HTTP \(answer.status)"
        var trouble = (advice: nil as String?, clockAhead: nil as Int64?)
        if Self.clockCodes.contains(code), let date = answer.field("Date"),
            let theirs = CivilTime.parse(sipDate: date)
        {
            let now = settings.surroundings.now()
            if abs(theirs - now - clockOffset.withLock { $0 }) > Self.tolerance {
                trouble = (
                    "this host's clock says \(CivilTime(millisecondsSince1970: now).rfc3339), the service's \(date)",
                    theirs - now
                )
            }
        }
        if let region = answer.field("x-amz-bucket-region"), region != settings.region {
            trouble.advice = "the bucket is in \(region), not in \(settings.region)"
        }
        if trouble.advice == nil, Self.expiryCodes.contains(code) {
            trouble.advice = "get new temporary credentials (\(credentials.origin))"
        } else if trouble.advice == nil, Self.keyCodes.contains(code) {
            trouble.advice = "check \(credentials)"
        } else if trouble.advice == nil {
            trouble.advice = AWSError.advice(for: code)
        }
        let isThrottled = AWSError.isThrottling(code, status: answer.status)
        let error = AWSError(
            code: code, told?.message ?? "the answer's status is \(answer.status) and tells no reason", place: place,
            requestID: told?.requestID ?? answer.field("x-amz-request-id"), status: answer.status,
            fault: answer.status >= 500 || isThrottled ? .service : .caller,
            isWorthRetrying: isThrottled || AWSError.isPassing(code, status: answer.status), advice: trouble.advice)
        let asked = answer.field("Retry-After").flatMap { Int64($0) }
        return Trouble(
            error: error, asked: asked.map { .seconds(min(max(0, $0), 86_400)) }, clockAhead: trouble.clockAhead,
            isExpiry: Self.expiryCodes.contains(code))
    }
}
