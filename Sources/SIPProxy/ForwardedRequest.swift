public import CoreTypes
public import SIPMessage

/// How a request leaves (RFC 3261 section 16.6): everything that a proxy must change, and what the edge takes out and
/// puts in. The rest goes out as it came.
public struct ForwardedRequest: Sendable {
    /// Header fields that say who someone is or how a call was let in: the edge's to set, never a stranger's.
    public static let edgeOnlyHeaders: Set<String> = [
        "p-asserted-identity", "remote-party-id", "x-if-authenticated-user", "x-if-source", "x-if-bridge-mode",
        "x-if-organization",
    ]

    /// Where the request came from; goes into the Via it came with.
    public var source: Endpoint
    /// The realm whose credentials are the edge's own business.
    public var realm: String?
    /// Nil: stays as it is.
    public var requestURI: String?
    /// The edge's own Via value.
    public var via: String
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

    public init(source: Endpoint, via: String) {
        self.source = source
        self.via = via
    }

    public func octets(of request: Message) -> [UInt8] {
        var rewrite = Rewrite()
        rewrite.requestURI = requestURI
        rewrite.prepend(.via, via)
        for value in recordRoutes { rewrite.prepend(.recordRoute, value) }
        if let (field, value) = request.topViaAmended(source: source) { rewrite.replace(field: field, with: value) }
        forwardHops(request, &rewrite)
        dropRoutes(request, &rewrite)
        if stripsIdentity { stripIdentity(request, &rewrite) }
        if let appendedRoute { rewrite.append(.route, "<\(appendedRoute)>") }
        rewrite.appended += added
        return request.written(applying: rewrite)
    }

    private func forwardHops(_ request: Message, _ rewrite: inout Rewrite) {
        guard let index = request.fields.firstIndex(where: { $0.name == .maxForwards }) else {
            rewrite.append(.maxForwards, "70")
            return
        }
        let hops = max(0, (request.maxForwards ?? 70) - 1)
        rewrite.replace(field: index, with: Array(String(hops).utf8))
    }

    private func dropRoutes(_ request: Message, _ rewrite: inout Rewrite) {
        let total = request.values(.route).count
        var kept = dropsAllRoutes ? 0..<0 : min(routesToDrop, total)..<total
        if dropsLastRoute, !kept.isEmpty { kept = kept.lowerBound..<kept.upperBound - 1 }
        guard kept.count < total else { return }
        var seen = 0
        for (index, field) in request.fields.enumerated() where field.name == .route {
            let values = request.listValues(field)
            let staying = kept.clamped(to: seen..<seen + values.count)
            if staying.isEmpty {
                rewrite.remove(field: index)
            } else if staying.count < values.count {
                let first = values[staying.lowerBound - seen]
                let last = values[staying.upperBound - 1 - seen]
                rewrite.replace(field: index, with: Array(request.bytes[first.lowerBound..<last.upperBound]))
            }
            seen += values.count
        }
    }

    private func stripIdentity(_ request: Message, _ rewrite: inout Rewrite) {
        for (index, field) in request.fields.enumerated() {
            switch field.name {
            case .pAssertedIdentity, .remotePartyID:
                rewrite.remove(field: index)
            case .authorization, .proxyAuthorization:
                if let realm, DigestCredentials(request.text(field.value))?.realm == realm {
                    rewrite.remove(field: index)
                }
            case .other:
                if Self.edgeOnlyHeaders.contains(request.text(field.nameRange).lowercased()) {
                    rewrite.remove(field: index)
                }
            default:
                break
            }
        }
    }
}
