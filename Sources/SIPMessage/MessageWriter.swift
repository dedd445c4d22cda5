public import CoreTypes

/// What is to be different in a copy of a message; everything else goes out octet for octet as it came in.
public struct Rewrite: Sendable {
    /// Replaces the Request-URI.
    public var requestURI: String?
    /// Written before the first field, in this order.
    public var prepended: [(name: String, value: String)] = []
    /// Written behind the last field, in this order.
    public var appended: [(name: String, value: String)] = []
    /// New values for fields, by their index in `Message.fields`; nil removes the field.
    public var replaced: [Int: [UInt8]?] = [:]

    public init() {}

    public mutating func prepend(_ name: HeaderName, _ value: String) {
        prepended.append((name.canonical, value))
    }

    public mutating func append(_ name: HeaderName, _ value: String) {
        appended.append((name.canonical, value))
    }

    public mutating func remove(field index: Int) {
        replaced[index] = .some(nil)
    }

    public mutating func replace(field index: Int, with value: [UInt8]) {
        replaced[index] = .some(value)
    }

    public func isRemoved(field index: Int) -> Bool {
        if case .some(.none) = replaced[index] { true } else { false }
    }
}

extension Message {
    /// The octets of this message with a rewrite applied.
    ///
    /// A body on a message without Content-Length gets one, since it may leave over a stream.
    public func written(applying rewrite: Rewrite = Rewrite()) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 512)
        writeStartLine(rewrite, &output)
        for (name, value) in rewrite.prepended { output.appendField(name, value) }
        var hasContentLength = false
        for (index, field) in fields.enumerated() {
            if field.name == .contentLength { hasContentLength = true }
            guard let replacement = rewrite.replaced[index] else {
                output += bytes[field.line]
                continue
            }
            guard let replacement else { continue }
            output += bytes[field.nameRange]
            output.appendText(": ")
            output += replacement
            output.appendText("\r\n")
        }
        for (name, value) in rewrite.appended { output.appendField(name, value) }
        if !hasContentLength { output.appendField("Content-Length", String(body.count)) }
        output.appendText("\r\n")
        output += bytes[body]
        return output
    }

    private func writeStartLine(_ rewrite: Rewrite, _ output: inout [UInt8]) {
        let end = fields.first?.line.lowerBound ?? 0
        guard let uri = rewrite.requestURI, case .request(let method, _, _) = startLine else {
            output += bytes[..<end]
            return
        }
        output.appendText(method.name)
        output.appendText(" ")
        output.appendText(uri)
        output.appendText(" SIP/2.0\r\n")
    }

    /// The field that holds the top Via, and its value with `received` and `rport` set from where the request really
    /// came from (RFC 3261 section 18.2.1, RFC 3581 section 4). Nil when nothing needs to change.
    public func topViaAmended(source: Endpoint) -> (field: Int, value: [UInt8])? {
        guard let index = fields.firstIndex(where: { $0.name == .via }),
            let amended = ViaAmendment.value(of: topVia, in: bytes, source: source)
        else { return nil }
        let value = fields[index].value
        return (index, amended + bytes[topVia.range.upperBound..<value.upperBound])
    }
}

/// Writes where a request came from into its topmost Via.
enum ViaAmendment {
    static func value(of via: Via, in bytes: [UInt8], source: Endpoint) -> [UInt8]? {
        let wantsPort = via.rport != nil
        let differs = via.host != .address(source.address)
        guard wantsPort || differs || via.received != nil else { return nil }
        // "SIP/2.0/" with its blanks, the transport and sent-by as they came; then the parameters that stay.
        var result = Array(bytes[via.range.lowerBound..<via.sentByRange.upperBound])
        for parameter in via.parameters {
            let isOurs =
                bytes.matches(parameter.name, lowercase: "received")
                || bytes.matches(parameter.name, lowercase: "rport")
            if !isOurs { result += bytes[parameter.whole] }
        }
        result.appendText(";received=\(source.address)")
        if wantsPort { result.appendText(";rport=\(source.port)") }
        return result
    }
}

/// A response made here (RFC 3261 section 8.2.6).
public struct ResponseDraft: Sendable {
    public var status: Int
    public var reason: String
    /// Appended to To when the request had none and the status is not 100.
    public var toTag: String?
    public var fields: [(name: String, value: String)]

    public init(_ status: Int, _ reason: String, toTag: String? = nil, fields: [(name: String, value: String)] = []) {
        self.status = status
        self.reason = reason
        self.toTag = toTag
        self.fields = fields
    }
}

extension ReplyFields {
    /// The octets of the request.
    public var requestLength: Int { bytes.count }

    /// The octets of a response to this request.
    /// - Parameter source: where the request came from; goes into the top Via.
    public func response(_ draft: ResponseDraft, source: Endpoint) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(512)
        output.appendText("SIP/2.0 \(draft.status) \(draft.reason)\r\n")
        for (index, via) in vias.enumerated() {
            output.appendText("Via: ")
            if index == 0, let amended = ViaAmendment.value(of: topVia, in: bytes, source: source) {
                output += amended
            } else {
                output += bytes[via]
            }
            output.appendText("\r\n")
        }
        appendField("From", from, &output)
        output.appendText("To: ")
        output += bytes[to]
        if let tag = draft.toTag, !hasToTag, draft.status != 100 { output.appendText(";tag=\(tag)") }
        output.appendText("\r\n")
        appendField("Call-ID", callID, &output)
        appendField("CSeq", cSeq, &output)
        for (name, value) in draft.fields { output.appendField(name, value) }
        output.appendText("Content-Length: 0\r\n\r\n")
        return output
    }

    private func appendField(_ name: String, _ value: Range<Int>, _ output: inout [UInt8]) {
        output.appendText(name)
        output.appendText(": ")
        output += bytes[value]
        output.appendText("\r\n")
    }
}

extension [UInt8] {
    mutating func appendText(_ text: String) {
        append(contentsOf: text.utf8)
    }

    mutating func appendField(_ name: String, _ value: String) {
        appendText(name)
        appendText(": ")
        appendText(value)
        appendText("\r\n")
    }
}
