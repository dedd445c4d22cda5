internal import Foundation
internal import XMLCoder

/// What an answer has that the caller doesn't look at.
struct Acknowledgement: Decodable {}

extension AWSClient {
    /// Asks a service that speaks the query protocol, or EC2's kind of it.
    func query<Answer: Decodable>(
        _ service: AWSService, _ action: String, as answer: Answer.Type,
        _ fill: (inout QueryParameters) -> Void = { _ in }
    ) async throws(AWSError) -> Answer {
        var parameters = QueryParameters()
        parameters.set("Action", action)
        parameters.set("Version", service.apiVersion)
        fill(&parameters)
        let address = try settings.address(of: service)
        let request = ServiceRequest(
            method: "POST", host: address.host, path: address.path + "/",
            headers: [.init("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: parameters.form)
        let received = try await send(service, action, request, scheme: address.scheme)
        let place = "\(service.rawValue) \(action)"
        // Else a page of some portal on the way, which is a success to HTTP, would be a list without entries.
        guard Self.rootName(of: received.body) == "\(action)Response" else {
            throw AWSError(
                code: AWSError.Code.badAnswer, "the answer is no \(action)Response in XML", place: place,
                fault: .service,
                advice: "check the endpoint and the way to it")
        }
        return try Self.decode(answer, received.body, place: place)
    }

    /// The name of the first element, behind declaration and comments; empty when there is none.
    private static func rootName(of body: [UInt8]) -> String {
        var rest = body[...]
        while let start = rest.firstIndex(of: UInt8(ascii: "<")) {
            rest = rest[rest.index(after: start)...]
            guard let first = rest.first, first != UInt8(ascii: "?"), first != UInt8(ascii: "!") else { continue }
            return String(decoding: rest.prefix { !" \t\r\n/>".utf8.contains($0) }, as: UTF8.self)
        }
        return ""
    }

    static func decode<Answer: Decodable>(
        _ answer: Answer.Type, _ body: [UInt8], place: String
    ) throws(AWSError) -> Answer {
        // Descriptions of rules may begin and end with blanks, and are compared.
        let decoder = XMLDecoder(trimValueWhitespaces: false, removeWhitespaceElements: true)
        do {
            return try decoder.decode(answer, from: Data(body))
        } catch {
            throw AWSError(
                code: AWSError.Code.badAnswer, "the answer is no XML of the expected shape: \(Self.reason(error))",
                place: place, fault: .service)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return String("\(error)".prefix(200)) }
        switch error {
        case .dataCorrupted(let context): return context.debugDescription
        case .keyNotFound(let key, _): return "\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: " ")
        @unknown default: return String("\(error)".prefix(200))
        }
    }

    /// How many pages a listing may have: 100,000 entries of 100, which is more than any account has.
    private static let mostPages = 1000

    /// Asks page after page.
    /// - Parameters:
    ///   - place: for messages, such as `ec2 DescribeInstances`.
    ///   - ask: takes the token of the page, nil for the first, and returns its entries and the token of the next.
    /// - Throws: also when a token comes twice: the listing would never end.
    static func pages<Entry>(
        _ place: String, _ ask: (String?) async throws(AWSError) -> (entries: [Entry], next: String?)
    ) async throws(AWSError) -> [Entry] {
        var entries: [Entry] = []
        var seen: Set<String> = []
        var token: String?
        for _ in 0..<mostPages {
            let page = try await ask(token)
            entries += page.entries
            guard let next = page.next, !next.isEmpty else { return entries }
            guard seen.insert(next).inserted else {
                throw AWSError(
                    code: AWSError.Code.badAnswer, "the listing goes round in circles: a page leads to one seen before",
                    place: place, fault: .service)
            }
            token = next
        }
        throw AWSError(
            code: AWSError.Code.badAnswer, "the listing has more than \(mostPages) pages", place: place, fault: .service
        )
    }
}
