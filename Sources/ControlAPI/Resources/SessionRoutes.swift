internal import Hummingbird
internal import Registry

/// Signing in for browsers: a key for a cookie that no script can read.
struct SessionRoutes {
    let gate: Gate

    private struct Document: Encodable {
        let name: String
        let role: String

        init(_ principal: Principal?) {
            name = principal?.name ?? ""
            role = principal?.role.rawValue ?? ""
        }

        static let schema = Schema.object([
            .needed("name", .string()), .needed("role", .choice(APIRole.allCases.map(\.rawValue))),
        ])
    }

    private struct SignIn: Decodable {
        let key: String
    }

    func add(to table: inout RouteTable) {
        table.add(Self.signIn) { [gate] inquiry in
            let (principal, cookie) = try await gate.signIn(try inquiry.body(as: SignIn.self).key, inquiry)
            return try Response.json(Document(principal), headers: [.setCookie: cookie])
        }
        table.add(Self.look) { inquiry in try Response.json(Document(inquiry.principal)) }
        table.add(Self.signOut) { [gate] inquiry in
            var response = Response.done
            response.headers[.setCookie] = gate.signOut(inquiry.request)
            return response
        }
    }

    private static let signIn = Operation(
        method: .post, path: "/v1/session", id: "signIn", summary: "Takes a key and gives a cookie.", group: "session",
        access: .open, body: .object([.needed("key", .string(.init(length: 1...200)))]),
        answers: [
            .json(Document.schema, "Signed in.", headers: ["Set-Cookie": "HttpOnly, SameSite=Strict; twelve hours."])
        ], problems: [401])

    private static let look = Operation(
        method: .get, path: "/v1/session", id: "whoAmI", summary: "Whose key this is.", group: "session",
        answers: [.json(Document.schema, "Who asks.")])

    private static let signOut = Operation(
        method: .delete, path: "/v1/session", id: "signOut", summary: "Ends the session.", group: "session",
        access: .open, answers: [.done("Signed out.")])
}
