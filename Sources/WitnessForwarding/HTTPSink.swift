internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Synchronization
internal import Witness

/// POSTs batches as JSON arrays of records; each record stands there byte for byte as in the log. A status of 2xx is the
/// acknowledgement.
///
/// `X-Sallyport-First-Seq` and `X-Sallyport-Last-Seq` let a receiver drop what it has already: a batch whose answer was lost
/// comes again.
final class HTTPSink: Sink {
    private let url: String
    private let token: String?
    private let patience: Duration
    private let tls: TLSConfiguration?
    /// Made with the first batch: one that is made must be shut down.
    private let client = Mutex<HTTPClient?>(nil)

    init(url: String, tls: TLSConfiguration?, token: String?, patience: Duration) {
        self.url = url
        self.token = token
        self.patience = patience
        self.tls = tls
    }

    private func opened() -> HTTPClient {
        client.withLock { client in
            if let client { return client }
            var configuration = HTTPClient.Configuration(
                tlsConfiguration: tls, redirectConfiguration: .disallow,
                timeout: .init(connect: .seconds(10), read: .seconds(30)))
            configuration.httpVersion = .http1Only
            configuration.connectionPool.idleTimeout = .seconds(60)
            // Trying again is the forwarder's: it tells of the first failure, and waits longer each time.
            configuration.connectionPool.retryConnectionEstablishment = false
            let made = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            client = made
            return made
        }
    }

    func deliver(_ records: [OutgoingRecord]) async throws(DeliveryError) {
        guard let first = records.first, let last = records.last else { return }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "sallyport")
        request.headers.add(name: "X-Sallyport-First-Seq", value: String(first.sequence))
        request.headers.add(name: "X-Sallyport-Last-Seq", value: String(last.sequence))
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        request.body = .bytes(ByteBuffer(bytes: Self.body(records)))
        let response: HTTPClientResponse
        do {
            response = try await opened().execute(request, timeout: .nanoseconds(Int64(patience / .nanoseconds(1))))
            // Read, so that the connection can be used again, but not kept.
            var size = 0
            for try await part in response.body {
                size += part.readableBytes
                if size > 1 << 20 { break }
            }
        } catch {
            throw DeliveryError(description: "\(url): \(error)")
        }
        guard (200..<300).contains(response.status.code) else {
            let asked = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
            throw DeliveryError(
                description: "\(url) answers \(response.status.code)",
                retryAfter: asked.map { .seconds(min(max(0, $0), 86_400)) },
                isTooLarge: response.status == .payloadTooLarge)
        }
    }

    func loss() -> String? { nil }

    func close() async {
        let opened = client.withLock { client in
            defer { client = nil }
            return client
        }
        // What it could complain of is requests that were under way; their records will be sent again.
        try? await opened?.shutdown()
    }

    static func body(_ records: [OutgoingRecord]) -> [UInt8] {
        var body: [UInt8] = Array("[\n".utf8)
        for (index, record) in records.enumerated() {
            if index > 0 { body += ",\n".utf8 }
            body += record.line
        }
        return body + Array("\n]\n".utf8)
    }
}
