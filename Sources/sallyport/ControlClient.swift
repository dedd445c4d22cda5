import AsyncHTTPClient
import ControlAPI
import Foundation
import NIOCore
import NIOHTTP1
import SallyportConfiguration
import Witness

/// Asks the edge that runs with a configuration, over the socket in its state directory.
struct ControlClient {
    private let socket: String
    private static let mostBytes = 16 << 20

    /// - Throws: when no edge answers there.
    init(_ configuration: Configuration) throws {
        socket = configuration.stateDirectory + "/" + ControlSocket.name
        switch UnixSocket.state(of: socket) {
        case .listening:
            break
        case .absent, .abandoned:
            throw CommandFailure(
                "no edge runs with the state directory \(configuration.stateDirectory): start it with 'sallyport serve', "
                    + "or name its configuration with --config")
        case .failed(EACCES):
            throw CommandFailure("\(socket) may be used by the edge's own user and by root only: try sudo")
        case .failed(let code):
            throw CommandFailure("\(socket) can't be connected to: \(String(cString: strerror(code)))")
        }
    }

    func calls(_ query: CallQuery) async throws -> CallPage {
        let before = query.before.map { "&before=\($0)" } ?? ""
        return try await ask(.GET, "/v1/calls?active=\(query.isActive)&limit=\(query.limit)\(before)")
    }

    func end(_ id: String) async throws -> CallDocument {
        // What is no identifier must not become another path.
        guard !id.isEmpty, id.utf8.count <= 64, id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
            throw CommandFailure(
                "'\(JSONText.escaped(String(id.prefix(64))))' is no ID of a call: see 'sallyport calls'")
        }
        return try await ask(.POST, "/v1/calls/\(id)/end")
    }

    func explain(_ question: RehearsalQuestion) async throws -> RehearsalAnswer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try await ask(.POST, "/v1/test", body: try encoder.encode(question))
    }

    private func ask<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, body sent: Data? = nil
    ) async throws -> Answer {
        let place = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        var request = HTTPClientRequest(url: "http+unix://\(place)\(path)")
        request.method = method
        request.headers.add(name: "Host", value: "localhost")
        if let sent {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: sent))
        }
        let answer: HTTPClientResponse
        let body: ByteBuffer
        do {
            answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
            body = try await answer.body.collect(upTo: Self.mostBytes)
        } catch {
            throw CommandFailure("the edge does not answer on \(socket): \(error)")
        }
        let data = Data(body.readableBytesView)
        guard answer.status == .ok else {
            let problem = try? JSONDecoder().decode(Problem.self, from: data)
            throw CommandFailure(JSONText.escaped(problem?.detail ?? "the edge answers \(answer.status)"))
        }
        return try JSONDecoder().decode(Answer.self, from: data)
    }

    /// RFC 9457, as far as it is shown.
    private struct Problem: Decodable {
        let detail: String
    }
}

extension OutputOption {
    /// Documents of the control API, as it wrote them.
    func show(documents: [CallDocument]) throws { try Self.print(documents) }
    func show(document: CallDocument) throws { try Self.print(document) }

    private static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Terminal.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
