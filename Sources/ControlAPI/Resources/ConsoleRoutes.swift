internal import Console
internal import CoreTypes
internal import Crypto
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The console's page at `/`, and what it is made of below `/console`.
struct ConsoleRoutes {
    /// Over TLS the browser is told to come by TLS only.
    let isSecure: Bool

    private struct Entry {
        let body: ByteBuffer
        let headers: HTTPFields
    }

    func add(to table: inout RouteTable) {
        let entries = Dictionary(ConsoleFile.all.map { ($0.name, entry($0)) }) { first, _ in first }
        table.add(Self.page) { inquiry in try Self.answer(entries["index.html"], inquiry) }
        table.add(Self.part) { inquiry in try Self.answer(entries[inquiry["name"] ?? ""], inquiry) }
    }

    private static func answer(_ entry: Entry?, _ inquiry: Inquiry) throws -> Response {
        guard let entry else { throw ProblemError(.notFound, "The console has no such file.") }
        if let known = inquiry.request.headers[.ifNoneMatch], known == entry.headers[.eTag] {
            return Response(status: .notModified, headers: entry.headers)
        }
        return Response(status: .ok, headers: entry.headers, body: .init(byteBuffer: entry.body))
    }

    private func entry(_ file: ConsoleFile) -> Entry {
        var headers: HTTPFields = [
            .contentType: file.mediaType, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
            base-uri 'none'; form-action 'self'; frame-ancestors 'none'
            """,
            .eTag: "\"\(Hexadecimal.string(Array(SHA256.hash(data: file.bytes).prefix(12))))\"",
        ]
        headers[.referrerPolicy] = "no-referrer"
        headers[.openerPolicy] = "same-origin"
        if isSecure { headers[.strictTransportSecurity] = "max-age=31536000" }
        return Entry(body: ByteBuffer(bytes: file.bytes), headers: headers)
    }

    private static let page = Operation(
        method: .get, path: "/", id: "getConsole", summary: "The console.", group: "console", access: .open,
        answers: [.text("text/html", "The page.")], isDescribed: false)

    private static let part = Operation(
        method: .get, path: "/console/{name}", id: "getConsolePart", summary: "A part of the console.",
        group: "console", access: .open,
        parameters: [.path("name", .string(.init(length: 1...64)), "The name of a file.")],
        answers: [.text("text/plain", "The file.")], isDescribed: false)
}
