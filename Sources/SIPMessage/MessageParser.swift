extension Message {
    /// Parses one message: a datagram, or what `StreamFramer` cut from a stream.
    ///
    /// Strict where leniency would let two parsers see two messages: line ends are CRLF, controls stand only behind a
    /// backslash in quotes, singular fields stand once, Content-Length is one number. Lenient where RFC 4475 section
    /// 3.1.1 asks for it: folding, blanks around the colon, compact forms, any escapes.
    public init(parsing bytes: [UInt8], limits: MessageLimits = MessageLimits()) throws(ParseFailure) {
        var parser = MessageParser(bytes: bytes, limits: limits)
        self = try parser.parse()
    }
}

/// The work of `Message.init(parsing:)`: the first defect found is the one reported, but indexing goes on behind it as
/// far as it can, so that the answer has somewhere to go.
private struct MessageParser {
    let bytes: [UInt8]
    let limits: MessageLimits
    var fields: [Field] = []
    var failure: ParseFailure?
    var headEnd = 0
    /// As much of a malformed topmost Via as an answer can carry.
    var salvagedVia: Via?

    init(bytes: [UInt8], limits: MessageLimits) {
        self.bytes = bytes
        self.limits = limits
        fields.reserveCapacity(24)
    }

    private mutating func note(_ kind: ParseFailure.Kind, _ reason: String, status: Int = 400) {
        if failure == nil { failure = ParseFailure(kind: kind, status: status, reason: reason) }
    }

    mutating func parse() throws(ParseFailure) -> Message {
        guard bytes.count <= limits.messageBytes else {
            throw ParseFailure(kind: .tooLarge, status: 513, reason: "Message Too Large")
        }
        guard let startLineEnd = lineEnd(from: 0) else {
            throw ParseFailure(kind: .startLine, reason: "No Start Line")
        }
        indexFields(from: startLineEnd + 2)
        // Before the Vias: what another version of SIP writes there is not malformed, just not understood.
        let startLine = parseStartLine(0..<startLineEnd)
        let vias = parseVias()
        let reply = replyFields(vias: vias.isEmpty ? salvagedVia.map { [$0] } ?? [] : vias)
        checkSingularFields()

        let from = address(.from, "From")
        let to = address(.to, "To")
        let callID = parseCallID()
        let cSeq = parseCSeq()
        let maxForwards = parseMaxForwards()
        if case .request(let method, _, _)? = startLine, let cSeq, cSeq.method != method {
            note(.cSeq, "CSeq Method Mismatch")
        }
        if vias.isEmpty { note(.via, "Missing or Malformed Via") }
        // RFC 4475 section 3.2.1: the cookie promises that what follows it is unique, and nothing does.
        if vias.first?.branch == Via.magicCookie { note(.via, "Empty Branch") }
        let body = parseBody()

        if let failure {
            throw ParseFailure(kind: failure.kind, status: failure.status, reason: failure.reason, reply: reply)
        }
        // Each nil has been noted as a failure above; the compiler can't know.
        guard let startLine, let from, let to, let callID, let cSeq, let body else {
            throw ParseFailure(kind: .missingHeader, reason: "Bad Request", reply: reply)
        }
        return Message(
            bytes: body.upperBound == bytes.count ? bytes : Array(bytes[..<body.upperBound]), startLine: startLine,
            fields: fields, body: body, from: from, to: to, callID: callID, cSeq: cSeq, vias: vias,
            maxForwards: maxForwards)
    }

    // MARK: Lines

    /// The offset of the CR of the next CRLF; a bare CR or LF before it is a defect.
    private mutating func lineEnd(from start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case .carriageReturn:
                if index + 1 < bytes.count, bytes[index + 1] == .lineFeed { return index }
                note(.headerField, "Bare CR in Header")
            case .lineFeed:
                note(.headerField, "Bare LF in Header")
            default:
                break
            }
            index += 1
        }
        return nil
    }

    private mutating func indexFields(from start: Int) {
        var lineStart = start
        while true {
            guard var end = lineEnd(from: lineStart) else {
                note(.incomplete, "Header Not Ended")
                headEnd = bytes.count
                return
            }
            if end == lineStart {
                headEnd = end + 2
                return
            }
            while end + 2 < bytes.count, bytes[end + 2].isBlank {
                guard let folded = lineEnd(from: end + 2) else {
                    note(.incomplete, "Header Not Ended")
                    headEnd = bytes.count
                    return
                }
                end = folded
            }
            guard fields.count < limits.headers else {
                note(.tooLarge, "Too Many Header Fields", status: 513)
                headEnd = bytes.count
                return
            }
            indexField(line: lineStart..<end)
            lineStart = end + 2
        }
    }

    private mutating func indexField(line: Range<Int>) {
        guard line.count <= limits.headerBytes else {
            note(.tooLarge, "Header Field Too Long", status: 513)
            return
        }
        var scanner = Scanner(bytes, line)
        guard let nameRange = scanner.token() else {
            note(.headerField, "Malformed Header Field Name")
            return
        }
        while let byte = scanner.peek, byte.isBlank { scanner.position += 1 }
        guard scanner.take(.colon) else {
            note(.headerField, "Malformed Header Field")
            return
        }
        let value = bytes.trimmed(scanner.position..<line.upperBound)
        if hasStrayControl(value) { note(.headerField, "Control Character in Header Field") }
        fields.append(
            Field(
                name: HeaderName.recognize(bytes, nameRange), nameRange: nameRange, value: value,
                line: line.lowerBound..<line.upperBound + 2))
    }

    /// Controls other than blanks and folds may only stand behind a backslash inside quotes.
    private func hasStrayControl(_ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            if byte < .space || byte == 0x7f {
                switch byte {
                case .tab, .carriageReturn, .lineFeed: break
                default: return !controlsAreQuoted(range)
                }
            }
            index += 1
        }
        return false
    }

    private func controlsAreQuoted(_ range: Range<Int>) -> Bool {
        var quoted = false
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            if quoted, byte == .backslash {
                index += 2
                continue
            }
            if byte == .quote { quoted.toggle() }
            if byte < .space && byte != .tab && byte != .carriageReturn && byte != .lineFeed || byte == 0x7f {
                return false
            }
            index += 1
        }
        return true
    }

    // MARK: Start line

    private mutating func parseStartLine(_ line: Range<Int>) -> StartLine? {
        if line.count >= 4, bytes.matches(line.lowerBound..<line.lowerBound + 4, lowercase: "sip/") {
            return parseStatusLine(line)
        }
        let parts = bytes[line].split(separator: .space, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[1].isEmpty else {
            note(.startLine, "Malformed Request-Line")
            return nil
        }
        let methodRange = parts[0].startIndex..<parts[0].endIndex
        var scanner = Scanner(bytes, methodRange)
        guard scanner.token() == methodRange else {
            note(.startLine, "Malformed Method")
            return nil
        }
        let version = parts[2].startIndex..<parts[2].endIndex
        guard version.count > 4, bytes.matches(version.lowerBound..<version.lowerBound + 4, lowercase: "sip/") else {
            note(.startLine, "Malformed Request-Line")
            return nil
        }
        guard bytes.matches(version, lowercase: "sip/2.0") else {
            note(.version, "Version Not Supported", status: 505)
            return nil
        }
        let uriRange = parts[1].startIndex..<parts[1].endIndex
        guard uriRange.count <= limits.uriBytes else {
            note(.uri, "Request-URI Too Long", status: 414)
            return nil
        }
        // RFC 3261 section 19.1.1, table 1: a Request-URI carries no headers.
        guard let uri = URI(bytes, uriRange), uri.headers == nil else {
            note(.uri, "Malformed Request-URI")
            return nil
        }
        return .request(Method(bytes, methodRange), uri: uri, uriRange: uriRange)
    }

    private mutating func parseStatusLine(_ line: Range<Int>) -> StartLine? {
        var scanner = Scanner(bytes, line)
        let versionEnd = line.lowerBound + 7
        guard line.count >= 12, bytes.matches(line.lowerBound..<versionEnd, lowercase: "sip/2.0") else {
            note(.version, "Version Not Supported", status: 505)
            return nil
        }
        scanner.position = versionEnd
        guard scanner.take(.space), let status = scanner.number(maximumDigits: 3), (100...699).contains(status),
            scanner.take(.space)
        else {
            note(.startLine, "Malformed Status-Line")
            return nil
        }
        let reason = scanner.position..<line.upperBound
        guard bytes[reason].allSatisfy({ $0.isText || $0.isBlank }) else {
            note(.startLine, "Control Character in Reason Phrase")
            return nil
        }
        return .response(status: status, reason: reason)
    }

    // MARK: Fields that the edge depends on

    private mutating func parseVias() -> [Via] {
        var vias: [Via] = []
        for field in fields where field.name == .via {
            for value in ListSplitter.split(bytes, field.value) {
                var scanner = Scanner(bytes, value)
                guard let via = scanner.via(), scanner.atEnd else {
                    note(.via, "Malformed Via")
                    if vias.isEmpty {
                        var rescue = Scanner(bytes, value)
                        salvagedVia = rescue.viaSentBy()?.via
                    }
                    return vias
                }
                if !via.isVersion2 { note(.via, "Malformed Via") }
                vias.append(via)
                guard vias.count <= limits.vias else {
                    note(.via, "Too Many Vias")
                    return vias
                }
            }
        }
        return vias
    }

    private mutating func checkSingularFields() {
        var seen: UInt64 = 0
        for field in fields where field.name.isSingular {
            let bit = UInt64(1) << UInt64(field.name.rawValue)
            if seen & bit != 0 {
                let kind: ParseFailure.Kind = field.name == .contentLength ? .contentLength : .duplicateHeader
                note(kind, "Duplicate \(field.name.canonical)")
            }
            seen |= bit
        }
    }

    private func firstValue(_ name: HeaderName) -> Range<Int>? {
        fields.first { $0.name == name }?.value
    }

    private mutating func address(_ name: HeaderName, _ spelling: String) -> NameAddress? {
        guard let value = firstValue(name) else {
            note(.missingHeader, "Missing \(spelling)")
            return nil
        }
        var scanner = Scanner(bytes, value)
        guard let address = scanner.nameAddress(), scanner.atEnd, !hasDuplicates(address.parameters) else {
            note(.address, "Malformed \(spelling)")
            return nil
        }
        for parameter in address.parameters where bytes.matches(parameter.name, lowercase: "tag") {
            guard let tag = parameter.value, bytes[tag].allSatisfy(ByteSet.token.contains) else {
                note(.address, "Malformed \(spelling) Tag")
                return nil
            }
        }
        return address
    }

    private func hasDuplicates(_ parameters: [HeaderParameter]) -> Bool {
        guard parameters.count > 1 else { return false }
        return Set(parameters.map { bytes.string($0.name).lowercased() }).count != parameters.count
    }

    /// `word ["@" word]`
    private mutating func parseCallID() -> String? {
        guard let value = firstValue(.callID) else {
            note(.missingHeader, "Missing Call-ID")
            return nil
        }
        var scanner = Scanner(bytes, value)
        var valid = !scanner.run(of: .word).isEmpty
        if scanner.take(.at) { valid = valid && !scanner.run(of: .word).isEmpty }
        // Kamailio takes blanks behind a Call-ID for a part of it: another dialog, to what stands behind the edge.
        let isClean =
            value.upperBound < bytes.count && bytes[value.upperBound] == .carriageReturn
            && !(value.upperBound + 2 < bytes.count && bytes[value.upperBound + 2].isBlank)
        guard valid, isClean, scanner.atEnd else {
            note(.callID, "Malformed Call-ID")
            return nil
        }
        return bytes.string(value)
    }

    private mutating func parseCSeq() -> CSeq? {
        guard let value = firstValue(.cSeq) else {
            note(.missingHeader, "Missing CSeq")
            return nil
        }
        var scanner = Scanner(bytes, value)
        guard let number = scanner.number(maximumDigits: 10), number <= Int(Int32.max) else {
            note(.cSeq, "CSeq Out of Range")
            return nil
        }
        let afterNumber = scanner.position
        scanner.skipBlanks()
        guard scanner.position > afterNumber, let method = scanner.token(), scanner.atEnd else {
            note(.cSeq, "Malformed CSeq")
            return nil
        }
        return CSeq(number: UInt32(number), method: Method(bytes, method))
    }

    /// 0...255 (RFC 3261 section 20.22).
    private mutating func parseMaxForwards() -> Int? {
        guard let value = firstValue(.maxForwards) else { return nil }
        var scanner = Scanner(bytes, value)
        guard let number = scanner.number(maximumDigits: 10), number <= 255, scanner.atEnd else {
            note(.maxForwards, "Malformed Max-Forwards")
            return nil
        }
        return number
    }

    /// Where the body stands: Content-Length octets, or the rest of the datagram (RFC 3261 section 18.3).
    private mutating func parseBody() -> Range<Int>? {
        guard let value = firstValue(.contentLength) else { return headEnd..<bytes.count }
        var scanner = Scanner(bytes, value)
        guard let length = scanner.number(maximumDigits: 9), scanner.atEnd else {
            note(.contentLength, "Malformed Content-Length")
            return nil
        }
        guard length <= bytes.count - headEnd else {
            note(.contentLength, "Content-Length Beyond Message")
            return nil
        }
        return headEnd..<headEnd + length
    }

    // MARK: Answering what was not understood

    private func replyFields(vias: [Via]) -> ReplyFields? {
        guard bytes.count >= 4, !bytes.matches(0..<4, lowercase: "sip/"), let topVia = vias.first,
            let from = firstValue(.from), let to = firstValue(.to), let callID = firstValue(.callID),
            let cSeq = firstValue(.cSeq)
        else { return nil }
        // Only what can be echoed without harm: no folds, no controls that a sloppy parser could take for a line end.
        let echoed = [from, to, callID, cSeq] + vias.map(\.range)
        guard echoed.allSatisfy({ !$0.isEmpty && bytes[$0].allSatisfy { $0 >= .space && $0 != 0x7f || $0 == .tab } })
        else { return nil }
        var toScanner = Scanner(bytes, to)
        let parsedTo = toScanner.nameAddress()
        let hasToTag = parsedTo.map { $0.parameters.contains { bytes.matches($0.name, lowercase: "tag") } } ?? true
        return ReplyFields(
            bytes: bytes, vias: vias.map(\.range), from: from, to: to, callID: callID, cSeq: cSeq, hasToTag: hasToTag,
            topVia: topVia, isAck: bytes.starts(with: Array("ACK ".utf8)))
    }
}

extension Message {
    /// What a response to this request copies from it.
    public var replyFields: ReplyFields {
        func value(_ name: HeaderName) -> Range<Int> { first(name)?.value ?? 0..<0 }
        return ReplyFields(
            bytes: bytes, vias: vias.map(\.range), from: value(.from), to: value(.to), callID: value(.callID),
            cSeq: value(.cSeq), hasToTag: toTag != nil, topVia: topVia, isAck: method == .ack)
    }
}
