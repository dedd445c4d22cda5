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
        guard let uri = rewrite.requestURI, case .request(let method, _) = index.startLine else {
            output += bytes[..<end]
            return
        }
        output.appendText(method.name)
        output.appendText(" ")
        output.appendText(uri)
        output.appendText(" SIP/2.0\r\n")
    }
}

/// What becomes of a field in a copy of its message.
public enum FieldFate: Sendable {
    case keep
    case remove
    /// Whoever decided has written it.
    case written
}

extension Message {
    /// Copies the message in one pass.
    ///
    /// A body on a message without Content-Length gets one, since it may leave over a stream.
    /// - Parameters:
    ///   - requestURI: replaces the Request-URI; nil: stays.
    ///   - names: the fields that are asked about; all others are kept.
    ///   - first: writes fields in front of all others.
    ///   - fate: decides about one field, and writes what replaces it.
    ///   - last: writes fields behind all others.
    public func copied(
        requestURI: String? = nil, deciding names: HeaderNameSet, first: (inout [UInt8]) -> Void = { _ in },
        fate: (Field, inout [UInt8]) -> FieldFate, last: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
        let bytes = bytes
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 448)
        let head = fields.first?.line.lowerBound ?? 0
        if let requestURI, case .request(let method, _) = index.startLine {
            output.appendText(method.name)
            output.append(.space)
            output.appendText(requestURI)
            output.append(" SIP/2.0\r\n")
        } else {
            output.append(bytes, 0..<head)
        }
        first(&output)
        // Fields that stay are copied together.
        var kept = head
        var hasContentLength = false
        for field in fields {
            if field.name == .contentLength { hasContentLength = true }
            guard names.contains(field.name) else { continue }
            output.append(bytes, kept..<field.line.lowerBound)
            kept = field.line.lowerBound
            switch fate(field, &output) {
            case .keep: break
            case .remove, .written: kept = field.line.upperBound
            }
        }
        if let end = fields.last?.line.upperBound { output.append(bytes, kept..<end) }
        last(&output)
        if !hasContentLength {
            output.append("Content-Length: ")
            output.appendDecimal(body.count)
            output.append("\r\n")
        }
        output.append("\r\n")
        output.append(bytes, body)
        return output
    }

    /// Writes a field with the Via values of this one, the top value with `received` and `rport` set from where the
    /// request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4).
    /// - Returns: false, with nothing written, when nothing needs to change.
    public func writeTopVia(_ field: Field, source: Endpoint, to output: inout [UInt8]) -> Bool {
        let via = topViaShape
        guard via.needsAmendment(source) else { return false }
        output.append(bytes, field.nameRange)
        output.append(": ")
        via.append(amendedFor: source, bytes, to: &output)
        output.append(bytes, via.range.upperBound..<field.value.upperBound)
        output.append("\r\n")
        return true
    }
}

/// Some header names.
public struct HeaderNameSet: Sendable, ExpressibleByArrayLiteral {
    private var bits: UInt64 = 0

    public init(arrayLiteral names: HeaderName...) {
        for name in names { bits |= 1 << UInt64(name.rawValue) }
    }

    mutating func insert(_ name: HeaderName) { bits |= 1 << UInt64(name.rawValue) }

    public func contains(_ name: HeaderName) -> Bool { bits >> UInt64(name.rawValue) & 1 == 1 }
}

extension ViaShape {
    fileprivate func needsAmendment(_ source: Endpoint) -> Bool {
        rport != nil || received != nil || host.address != source.address
    }

    /// "SIP/2.0/" with its blanks, the transport and sent-by as they came; then the parameters that stay, then where the
    /// request came from.
    fileprivate func append(amendedFor source: Endpoint, _ bytes: [UInt8], to output: inout [UInt8]) {
        output.append(bytes, range.lowerBound..<sentByEnd)
        for parameter in HeaderParameters(bytes, parameters) {
            let isOurs =
                bytes.matches(parameter.name, lowercase: "received")
                || bytes.matches(parameter.name, lowercase: "rport")
            if !isOurs { output.append(bytes, parameter.whole) }
        }
        output.append(";received=")
        source.address.append(to: &output)
        guard rport != nil else { return }
        output.append(";rport=")
        output.appendDecimal(Int(source.port))
    }
}

/// A response made here (RFC 3261 section 8.2.6).
public struct ResponseDraft: Sendable {
    public var status: Int
    public var reason: String
    /// Appended to To, in hexadecimal, when the request had no tag and the status is not 100.
    public var toTag: UInt64?
    public var fields: [(name: String, value: String)]

    public init(_ status: Int, _ reason: String, toTag: UInt64? = nil, fields: [(name: String, value: String)] = []) {
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
        write(draft, source: source, to: &output)
        return output
    }

    /// Appends a response to this request.
    public func write(_ draft: ResponseDraft, source: Endpoint, to output: inout [UInt8]) {
        output.append("SIP/2.0 ")
        output.appendDecimal(draft.status)
        output.append(.space)
        output.appendText(draft.reason)
        output.append("\r\n")
        var isTop = true
        for via in vias {
            output.append("Via: ")
            if isTop, via.needsAmendment(source) {
                via.append(amendedFor: source, bytes, to: &output)
            } else {
                output.append(bytes, via.range)
            }
            output.append("\r\n")
            isTop = false
        }
        appendField("From: ", from, &output)
        output.append("To: ")
        output.append(bytes, to)
        if let tag = draft.toTag, !hasToTag, draft.status != 100 {
            output.append(";tag=")
            Hexadecimal.append(tag, to: &output)
        }
        output.append("\r\n")
        appendField("Call-ID: ", callID, &output)
        appendField("CSeq: ", cSeq, &output)
        for (name, value) in draft.fields { output.appendField(name, value) }
        output.append("Content-Length: 0\r\n\r\n")
    }

    private func appendField(_ name: StaticString, _ value: Range<Int>, _ output: inout [UInt8]) {
        output.append(name)
        output.append(bytes, value)
        output.append("\r\n")
    }
}

extension [UInt8] {
    public mutating func appendText(_ text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }

    public mutating func appendField(_ name: String, _ value: String) {
        appendText(name)
        append(": ")
        appendText(value)
        append("\r\n")
    }

    public mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// A stretch of another array.
    public mutating func append(_ bytes: [UInt8], _ range: Range<Int>) {
        append(contentsOf: bytes[range])
    }

    public mutating func appendDecimal(_ number: Int) {
        guard number >= 10 else {
            if number < 0 {
                append(UInt8(ascii: "-"))
                appendText(String(number.magnitude))
            } else {
                append(48 + UInt8(number))
            }
            return
        }
        appendDecimal(number / 10)
        append(48 + UInt8(number % 10))
    }
}
