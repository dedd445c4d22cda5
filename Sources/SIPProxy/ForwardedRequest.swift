public import CoreTypes
public import SIPMessage

/// How a request leaves (RFC 3261 section 16.6): everything that a proxy must change, and what the edge takes out and
/// puts in. The rest goes out as it came.
public struct ForwardedRequest: Sendable {
    /// Where the request came from; goes into the Via it came with.
    public var source: Endpoint
    /// The realm whose credentials are the edge's own business.
    public var realm: String?
    /// Nil: stays as it is.
    public var requestURI: String?
    /// The edge's Record-Route values, topmost first; empty where none is to be added.
    public var recordRoutes: [String] = []
    /// Route values at the top that are the edge's own and end here.
    public var routesToDrop = 0
    /// Out-of-dialog requests go where the routes say: a stranger's Route leads nowhere.
    public var dropsAllRoutes = false
    /// The last Route has become the Request-URI.
    public var dropsLastRoute = false
    /// The target, moved behind all Routes because the next element is a strict router (RFC 3261 section 16.6 step 6).
    public var appendedRoute: String?
    /// Fields of the edge, behind all others.
    public var added: [(name: String, value: String)] = []
    /// Whether identity headers and credentials of the other side are taken out; not inside a dialog with a trusted
    /// next hop's own headers.
    public var stripsIdentity = true

    public init(source: Endpoint) {
        self.source = source
    }

    /// - Parameter via: the edge's own Via value.
    public func octets(of request: Message, via: [UInt8]) -> [UInt8] {
        octets(of: request) { $0.append(contentsOf: via) }
    }

    private static let decided: HeaderNameSet = [
        .via, .maxForwards, .route, .pAssertedIdentity, .remotePartyID, .authorization, .proxyAuthorization, .other,
    ]

    /// - Parameter via: writes the edge's own Via value.
    public func octets(of request: Message, via: (inout [UInt8]) -> Void) -> [UInt8] {
        let keptRoutes = keptRoutes(request)
        var routesSeen = 0
        var isTopVia = true
        return request.copied(
            requestURI: requestURI, deciding: Self.decided,
            first: { output in
                output.append("Via: ")
                via(&output)
                output.append("\r\n")
                for value in recordRoutes { output.appendField("Record-Route", value) }
            },
            fate: { field, output in
                switch field.name {
                case .via:
                    defer { isTopVia = false }
                    return isTopVia && request.writeTopVia(field, source: source, to: &output) ? .written : .keep
                case .maxForwards:
                    output.append(request.bytes, field.nameRange)
                    output.append(": ")
                    output.appendDecimal(max(0, (request.maxForwards ?? 70) - 1))
                    output.append("\r\n")
                    return .written
                case .route:
                    guard let keptRoutes else { return .keep }
                    return Self.route(request, field, kept: keptRoutes, seen: &routesSeen, &output)
                default:
                    return stripsIdentity && isToBeStripped(request, field) ? .remove : .keep
                }
            },
            last: { output in
                if request.maxForwards == nil { output.append("Max-Forwards: 70\r\n") }
                if let appendedRoute { output.appendField("Route", "<\(appendedRoute)>") }
                for (name, value) in added { output.appendField(name, value) }
            })
    }

    /// Which of the Route values stay; nil: all.
    private func keptRoutes(_ request: Message) -> Range<Int>? {
        guard dropsAllRoutes || routesToDrop > 0 || dropsLastRoute else { return nil }
        if dropsAllRoutes { return 0..<0 }
        var total = 0
        request.eachAddress(.route) { _ in
            total += 1
            return true
        }
        let kept = min(routesToDrop, total)..<total
        return dropsLastRoute && !kept.isEmpty ? kept.lowerBound..<kept.upperBound - 1 : kept
    }

    private static func route(
        _ request: Message, _ field: Field, kept: Range<Int>, seen: inout Int, _ output: inout [UInt8]
    ) -> FieldFate {
        guard !kept.isEmpty else { return .remove }
        let values = request.listValues(field)
        let staying = kept.clamped(to: seen..<seen + values.count)
        defer { seen += values.count }
        guard !staying.isEmpty else { return .remove }
        guard staying.count < values.count else { return .keep }
        let first = values[staying.lowerBound - seen]
        let last = values[staying.upperBound - 1 - seen]
        output.append(request.bytes, field.nameRange)
        output.append(": ")
        output.append(request.bytes, first.lowerBound..<last.upperBound)
        output.append("\r\n")
        return .written
    }

    private func isToBeStripped(_ request: Message, _ field: Field) -> Bool {
        switch field.name {
        case .authorization, .proxyAuthorization:
            guard let realm else { return false }
            return DigestCredentials.isFor(realm, request, field)
        default:
            return Self.isEdgeOnly(request, field)
        }
    }

    /// Header fields that say who someone is or how a call was let in: the edge's to set, never a stranger's.
    public static func isEdgeOnly(_ message: Message, _ field: Field) -> Bool {
        switch field.name {
        case .pAssertedIdentity, .remotePartyID:
            return true
        case .other:
            let name = field.nameRange
            guard name.count >= 11, message.matches(name.lowerBound..<name.lowerBound + 5, lowercase: "x-if-") else {
                return false
            }
            return message.matches(name, lowercase: "x-if-authenticated-user")
                || message.matches(name, lowercase: "x-if-source")
                || message.matches(name, lowercase: "x-if-bridge-mode")
                || message.matches(name, lowercase: "x-if-organization")
        default:
            return false
        }
    }
}
