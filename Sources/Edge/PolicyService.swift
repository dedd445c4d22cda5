import AsyncHTTPClient
import CoreTypes
import Defense
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import SallyportConfiguration

/// What a policy service has said, or why it has said nothing that can be used.
enum PolicyAnswer: Sendable, Equatable {
    case allow
    /// With what it gave as its reason, for the operator only.
    case deny(reason: String)
    case fault(String)

    /// Reads an answer: 200 with `{"decision":"allow"}` or `{"decision":"deny","reason":"..."}` as `application/json`.
    /// Whatever else comes is a fault.
    init(status: Int, contentType: String?, body: [UInt8]) {
        guard status == 200 else {
            self = .fault("it answers \(status)")
            return
        }
        let type = contentType?.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard type == "application/json" else {
            self = .fault("it answers with \(contentType.map { String($0.prefix(64)) } ?? "no type of content")")
            return
        }
        guard let answer = try? JSONDecoder().decode(Document.self, from: Data(body)) else {
            self = .fault("its answer is not the JSON that was asked for")
            return
        }
        switch answer.decision {
        case "allow": self = .allow
        case "deny": self = .deny(reason: answer.reason ?? "none given")
        default: self = .fault("its decision is neither allow nor deny")
        }
    }

    private struct Document: Decodable {
        let decision: String
        let reason: String?
    }
}

/// Asks policy services over HTTP, on threads of its own.
final class PolicyService: Sendable {
    struct Settings: Sendable, Hashable {
        var url: String
        /// Nanoseconds until an answer must be there.
        var timeout: UInt64
        /// Whether requests go on without an answer.
        var failsOpen: Bool
    }

    private let client: HTTPClient
    /// An answer is a word and a reason.
    private static let mostBytes = 16_384

    /// - Parameter trust: PEM with authorities beside those of the system; nil: none.
    init(trust: String?) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(30)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.connectionPool.retryConnectionEstablishment = false
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let trust { tls.additionalTrustRoots = [.file(trust)] }
        configuration.tlsConfiguration = tls
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// - Parameter completion: called once, on any thread.
    /// - Returns: what to cancel when the answer is no longer waited for.
    func ask(
        _ question: PolicyQuestion, _ settings: Settings, completion: @escaping @Sendable (PolicyAnswer) -> Void
    ) -> Task<Void, Never> {
        Task { completion(await answer(to: question, settings)) }
    }

    private func answer(to question: PolicyQuestion, _ settings: Settings) async -> PolicyAnswer {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var request = HTTPClientRequest(url: settings.url)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "Accept", value: "application/json")
            request.headers.add(name: "User-Agent", value: "sallyport")
            request.body = .bytes(ByteBuffer(bytes: try encoder.encode(question)))
            let response = try await client.execute(
                request, timeout: .nanoseconds(Int64(clamping: settings.timeout)))
            // The length that it says is judged before anything is read.
            if let length = response.headers.first(name: "Content-Length").flatMap({ Int($0) }), length > Self.mostBytes
            {
                return .fault("its answer has more than \(Self.mostBytes) bytes")
            }
            let body = try await response.body.collect(upTo: Self.mostBytes)
            return PolicyAnswer(
                status: Int(response.status.code), contentType: response.headers.first(name: "Content-Type"),
                body: Array(body.readableBytesView))
        } catch is NIOTooManyBytesError {
            return .fault("its answer has more than \(Self.mostBytes) bytes")
        } catch {
            return .fault("it can't be asked: \(error)")
        }
    }

    func shutdown() async throws {
        try await client.shutdown()
    }
}

extension PolicyService {
    /// Nil where no profile asks one.
    convenience init?(_ configuration: Configuration) {
        guard configuration.profiles.values.contains(where: { $0.guard?.webhook != nil }) else { return nil }
        let trust = configuration.resolve(configuration.tls.trust)
        self.init(trust: FileManager.default.fileExists(atPath: trust) ? trust : nil)
    }
}
