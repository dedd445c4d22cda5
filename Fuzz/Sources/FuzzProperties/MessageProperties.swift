import CoreTypes
import SIPMessage

/// What holds for every message: it is refused, or it can be written and parsed again and stays the same.
enum MessageProperties {
    private static let limits = MessageLimits()
    private static let source = Endpoint(IPAddress(v4: 0xc000_0207), port: 5060)

    static func violation(_ bytes: [UInt8]) -> String? {
        let message: Message
        do {
            message = try Message(parsing: bytes, limits: limits)
        } catch {
            return answerViolation(error)
        }
        return roundTripViolation(message) ?? forwardingViolation(message) ?? framingViolation(message)
            ?? accessViolation(message)
    }

    /// `parse(write(parse(x))) == parse(x)`, and what is written is what came.
    private static func roundTripViolation(_ message: Message) -> String? {
        let written = message.written()
        if message.has(.contentLength) {
            return written == message.bytes ? nil : "writing changes the octets"
        }
        // Content-Length is added, for which there may be no room.
        guard message.fields.count < limits.headers, written.count <= limits.messageBytes else { return nil }
        guard let again = try? Message(parsing: written, limits: limits) else {
            return "what is written can't be parsed"
        }
        guard again.written() == written else { return "written twice, it differs" }
        guard again.fields.count == message.fields.count + 1 else { return "a field comes or goes" }
        return difference(message, again)
    }

    /// A hop more leaves everything else alone.
    private static func forwardingViolation(_ message: Message) -> String? {
        guard message.isRequest, message.fields.count + 3 < limits.headers, message.vias.count < limits.vias,
            message.bytes.count + 512 < limits.messageBytes
        else { return nil }
        guard let top = message.fields.first(where: { $0.name == .via }), top.line.count + 64 < limits.headerBytes
        else { return nil }
        var isTop = true
        let forwarded = message.copied(
            deciding: [.via],
            first: { $0.append("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown\r\n") },
            fate: { field, output in
                defer { isTop = false }
                return isTop && message.writeTopVia(field, source: source, to: &output) ? .written : .keep
            })
        guard let again = try? Message(parsing: forwarded, limits: limits) else {
            return "what is forwarded can't be parsed"
        }
        guard again.vias.count == message.vias.count + 1, again.topVia.branch == "z9hG4bKown",
            again.vias[1].branch == message.topVia.branch
        else { return "what is forwarded has other Vias" }
        return difference(message, again)
    }

    /// A stream would have given the same message.
    private static func framingViolation(_ message: Message) -> String? {
        guard message.has(.contentLength) else { return nil }
        var framer = StreamFramer()
        framer.append(message.bytes)
        guard framer.next() == .message(message.bytes) else { return "a stream frames it differently" }
        guard framer.next() == .needMore else { return "a stream finds more than one message" }
        return nil
    }

    private static func answerViolation(_ failure: ParseFailure) -> String? {
        guard let reply = failure.reply else { return nil }
        let draft = ResponseDraft(failure.status, failure.reason, toTag: 1)
        let answer = reply.response(draft, source: source)
        var framer = StreamFramer(maximumHeader: 1 << 20, maximumMessage: 1 << 20)
        framer.append(answer)
        guard framer.next() == .message(answer), framer.next() == .needMore else {
            return "the answer to what can't be parsed is not one message"
        }
        return nil
    }

    /// Everything that the layers ask of a message gives an answer.
    private static func accessViolation(_ message: Message) -> String? {
        for field in message.fields {
            for value in message.listValues(field) where !field.value.contains(value) {
                return "a value of a list stands outside its field"
            }
            switch field.name {
            case .contact, .route, .recordRoute: _ = message.addresses(field.name)
            case .authorization, .proxyAuthorization: _ = DigestCredentials(message.text(field.value))
            default: break
            }
        }
        _ = message.requestURI?.addressOfRecord
        _ = message.requestURI?.unescapedUser
        if message.isRequest {
            let answer = message.replyFields.response(ResponseDraft(200, "OK", toTag: 1), source: source)
            let limits = MessageLimits(messageBytes: 1 << 20, headerBytes: 1 << 17)
            guard let response = try? Message(parsing: answer, limits: limits) else {
                return "the answer to it can't be parsed"
            }
            guard response.callID == message.callID, response.cSeq == message.cSeq,
                response.fromTag == message.fromTag, response.topVia.branch == message.topVia.branch
            else { return "the answer to it belongs to another request" }
        }
        return nil
    }

    /// What two messages must have in common beyond their octets.
    static func difference(_ one: Message, _ other: Message) -> String? {
        func start(_ message: Message) -> ArraySlice<UInt8> {
            message.bytes[..<(message.fields.first?.line.lowerBound ?? 0)]
        }
        guard start(one) == start(other) else { return "the start line differs" }
        guard one.bytes[one.body] == other.bytes[other.body] else { return "the body differs" }
        guard one.callID == other.callID, one.cSeq == other.cSeq, one.maxForwards == other.maxForwards,
            one.fromTag == other.fromTag, one.toTag == other.toTag,
            one.from.uri == other.from.uri, one.to.uri == other.to.uri, one.requestURI == other.requestURI
        else { return "what identifies the dialog differs" }
        func unchanged(_ message: Message) -> [ArraySlice<UInt8>] {
            message.fields.filter { $0.name != .via && $0.name != .contentLength }.map { message.bytes[$0.line] }
        }
        guard unchanged(one) == unchanged(other) else { return "a field differs" }
        return nil
    }
}

extension Range<Int> {
    fileprivate func contains(_ other: Range<Int>) -> Bool {
        lowerBound <= other.lowerBound && other.upperBound <= upperBound
    }
}
