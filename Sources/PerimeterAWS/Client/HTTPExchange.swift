internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// Sends HTTP requests, with an end to how long and how large an answer may be. Follows no redirects: what is signed for
/// one host is not for another.
final class HTTPExchange: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]

        /// The first value of a header field, whichever way its name is written.
        func field(_ name: String) -> String? { headers.first(name: name) }
    }

    /// Why there is no answer.
    struct Failure: Error {
        enum Kind { case timeout, connection, tooLarge, canceled }
        let kind: Kind
        let description: String
    }

    private let client: HTTPClient

    init() {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.idleTimeout = .seconds(20)
        // Trying again is done by whoever asks, and counted there.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Must be called once, after the last answer.
    func close() async throws { try await client.shutdown() }

    /// - Parameters:
    ///   - limit: for the whole exchange, to the answer's last octet.
    ///   - size: how many octets the answer's body may have.
    func send(
        _ method: String, _ url: String, headers: [ServiceRequest.Pair] = [], body: [UInt8] = [],
        within limit: Duration, size: Int
    ) async throws(Failure) -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        let prepared = request
        do {
            return try await withThrowingTaskGroup(of: Answer.self) { group in
                defer { group.cancelAll() }
                group.addTask { [client] in
                    let response = try await client.execute(prepared, timeout: .nanoseconds(limit.wholeNanoseconds))
                    var body: [UInt8] = []
                    for try await part in response.body {
                        guard body.count + part.readableBytes <= size else {
                            throw Failure(kind: .tooLarge, description: "the answer is larger than \(size) octets")
                        }
                        body += part.readableBytesView
                    }
                    // A body that is cut off by cancellation just ends.
                    try Task.checkCancellation()
                    return Answer(status: Int(response.status.code), headers: response.headers, body: body)
                }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw Failure(kind: .timeout, description: "no answer within \(limit)")
                }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch let failure as Failure {
            throw failure
        } catch is CancellationError {
            throw Failure(kind: .canceled, description: "canceled")
        } catch let error as HTTPClientError
            where error == .deadlineExceeded || error == .readTimeout || error == .connectTimeout
            || error == .getConnectionFromPoolTimeout
        {
            throw Failure(kind: .timeout, description: "no answer within \(limit)")
        } catch {
            throw Failure(kind: .connection, description: "\(error)")
        }
    }
}

extension Duration {
    /// At least 1: clients take 0 for no limit.
    var wholeNanoseconds: Int64 { max(1, Int64(self / .nanoseconds(1))) }
}
