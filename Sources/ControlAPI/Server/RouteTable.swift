internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// The operations that there are, each with what carries it out: for the router, for telling another method (405) from
/// another path (404), and for the document that describes them.
struct RouteTable {
    typealias Handler = @Sendable (Inquiry) async throws -> Response

    private var routes: [(operation: Operation, handler: Handler)] = []
    var operations: [Operation] { routes.map(\.operation) }

    mutating func add(_ operation: Operation, _ handler: @escaping Handler) {
        routes.append((operation, handler))
    }

    /// The methods of the path that a request names; nil when there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method]? {
        let asked = path.split(separator: "/", omittingEmptySubsequences: false)
        let found = operations.filter { operation in
            let parts = operation.path.split(separator: "/", omittingEmptySubsequences: false)
            return parts.count == asked.count
                && zip(parts, asked).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
        }
        return found.isEmpty ? nil : found.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
    }

    /// What answers requests.
    func router(_ gate: Gate) -> Router<ControlContext> {
        let router = Router(context: ControlContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(table: self))
        for (operation, handler) in routes {
            router.on(RouterPath(operation.path), method: operation.method) { request, context in
                try await gate.pass(request, context, operation, to: handler)
            }
        }
        return router
    }
}
