/// The work of `Message.init(parsing:)`: the first defect found is the one reported, but indexing goes on behind it as
/// far as it can, so that the answer has somewhere to go.
struct MessageParser {
    let index: MessageIndex
    let bytes: [UInt8]
    private let limits: MessageLimits
    private var failure: ParseFailure?
    private var headEnd = 0
    /// As much of a malformed topmost Via as an answer can carry.
    var salvagedVia: ViaShape?
    var ledger: NameLedger
    var seen = Seen()

    /// Where the fields stand that every message needs.
    struct Seen {
        var singular: UInt64 = 0
        var from: Stretch?
        var to: Stretch?
        var callID: Stretch?
        var cSeq: Stretch?
        var maxForwards: Stretch?
        var contentLength: Stretch?
    }

    static func parse(_ index: MessageIndex, _ limits: MessageLimits) throws(ParseFailure) -> Message {
        var parser = MessageParser(index, limits)
        let end = try parser.parse()
        index.ledger = parser.ledger
        // Whoever else holds the octets must have let go of them by now: else cutting would copy.
        _ = consume parser
        index.cut(to: end)
        return Message(index: index)
    }

    private init(_ index: MessageIndex, _ limits: MessageLimits) {
        self.index = index
        self.limits = limits
        bytes = index.bytes
        ledger = index.ledger
        index.ledger = NameLedger()
    }

    private mutating func note(_ kind: ParseFailure.Kind, _ reason: String, status: Int = 400) {
        if failure == nil { failure = ParseFailure(kind: kind, status: status, reason: reason) }
    }

    /// - Returns: where the message ends.
    private mutating func parse() throws(ParseFailure) -> Int {
        guard let startLineEnd = lineEnd(from: 0)?.end else {
            throw ParseFailure(kind: .startLine, reason: "No Start Line")
        }
        indexFields(from: startLineEnd + 2)
        // Before the Vias: what another version of SIP writes there is not malformed, just not understood.
        let startLine = parseStartLine(0..<startLineEnd)
        parseVias()
        noteDuplicates()

        let from = address(seen.from, "From")
        let to = address(seen.to, "To")
        parseCallID()
        let cSeq = parseCSeq()
        parseMaxForwards()
        if case .request(let method, _)? = startLine, let cSeq, cSeq.method != method {
            note(.cSeq, "CSeq Method Mismatch")
        }
        if index.vias.isEmpty { note(.via, "Missing or Malformed Via") }
        // RFC 4475 section 3.2.1: the cookie promises that what follows it is unique, and nothing does.
        if let branch = index.vias.first?.branch, bytes[branch].elementsEqual(Via.magicCookie.utf8) {
            note(.via, "Empty Branch")
        }
        let body = parseBody()

        if let failure {
            throw ParseFailure(
                kind: failure.kind, status: failure.status, reason: failure.reason, reply: replyFields())
        }
        // Each nil has been noted as a failure above; the compiler can't know.
        guard let startLine, let from, let to, let cSeq, let body else {
            throw ParseFailure(kind: .missingHeader, reason: "Bad Request", reply: replyFields())
        }
        index.startLine = startLine
        (index.from, index.fromTag) = from
        (index.to, index.toTag) = to
        index.cSeq = cSeq
        index.body = Stretch(body)
        return body.upperBound
    }

    // MARK: Lines

    /// The offset of the CR of the next CRLF, and whether other controls than blanks stand before it; a bare CR or LF is
    /// a defect.
    private mutating func lineEnd(from start: Int) -> (end: Int, hasControl: Bool)? {
        var position = start
        var hasControl = false
        while true {
            position = bytes.nextControl(from: position)
            guard position < bytes.count else { return nil }
            switch bytes[position] {
            case .carriageReturn:
                if position + 1 < bytes.count, bytes[position + 1] == .lineFeed { return (position, hasControl) }
                note(.headerField, "Bare CR in Header")
            case .lineFeed:
                note(.headerField, "Bare LF in Header")
            case .tab:
                break
            default:
                hasControl = true
            }
            position += 1
        }
    }

    private mutating func indexFields(from start: Int) {
        var lineStart = start
        while true {
            guard var (end, hasControl) = lineEnd(from: lineStart) else {
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
                end = folded.end
                hasControl = hasControl || folded.hasControl
            }
            guard index.fields.count < limits.headers else {
                note(.tooLarge, "Too Many Header Fields", status: 513)
                headEnd = bytes.count
                return
            }
            indexField(line: lineStart..<end, hasControl: hasControl)
            lineStart = end + 2
        }
    }

    private mutating func indexField(line: Range<Int>, hasControl: Bool) {
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
        if hasControl, !controlsAreQuoted(value) { note(.headerField, "Control Character in Header Field") }
        let name = HeaderName.recognize(bytes, nameRange)
        see(name, Stretch(value))
        index.append(Field(name: name, nameRange: nameRange, value: value, end: line.upperBound + 2))
    }

    /// Notes the first of each.
    private mutating func see(_ name: HeaderName, _ value: Stretch) {
        switch name {
        case .from: seen.from = seen.from ?? value
        case .to: seen.to = seen.to ?? value
        case .callID: seen.callID = seen.callID ?? value
        case .cSeq: seen.cSeq = seen.cSeq ?? value
        case .maxForwards: seen.maxForwards = seen.maxForwards ?? value
        case .contentLength: seen.contentLength = seen.contentLength ?? value
        default: break
        }
    }

    /// Controls other than blanks and folds may only stand behind a backslash inside quotes.
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
        // Exactly two single spaces: method SP Request-URI SP version.
        guard let first = bytes[line].firstIndex(of: .space), let last = bytes[line].lastIndex(of: .space),
            first + 1 < last, !bytes[first + 1..<last].contains(.space)
        else {
            note(.startLine, "Malformed Request-Line")
            return nil
        }
        let methodRange = line.lowerBound..<first
        var scanner = Scanner(bytes, methodRange)
        guard scanner.token() == methodRange else {
            note(.startLine, "Malformed Method")
            return nil
        }
        let version = last + 1..<line.upperBound
        guard version.count > 4, bytes.matches(version.lowerBound..<version.lowerBound + 4, lowercase: "sip/") else {
            note(.startLine, "Malformed Request-Line")
            return nil
        }
        guard bytes.matches(version, lowercase: "sip/2.0") else {
            note(.version, "Version Not Supported", status: 505)
            return nil
        }
        let uriRange = first + 1..<last
        guard uriRange.count <= limits.uriBytes else {
            note(.uri, "Request-URI Too Long", status: 414)
            return nil
        }
        // RFC 3261 section 19.1.1, table 1: a Request-URI carries no headers.
        guard let uri = URIShape(bytes, uriRange, &ledger), uri.headers == nil else {
            note(.uri, "Malformed Request-URI")
            return nil
        }
        return .request(Method(bytes, methodRange), uri)
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
        return .response(status: status, reason: Stretch(reason))
    }

    // MARK: Fields that the edge depends on

    private mutating func parseVias() {
        for field in index.fields where field.name == .via {
            var values = ListSplitter(bytes, field.value)
            while let value = values.next() {
                var scanner = Scanner(bytes, value)
                guard let via = scanner.via(&ledger), scanner.atEnd else {
                    note(.via, "Malformed Via")
                    if index.vias.isEmpty {
                        var rescue = Scanner(bytes, value)
                        salvagedVia = rescue.viaSentBy()
                    }
                    return
                }
                if !via.isVersion2 { note(.via, "Malformed Via") }
                index.vias.append(via)
                guard index.vias.count <= limits.vias else {
                    note(.via, "Too Many Vias")
                    return
                }
            }
        }
    }

    private mutating func noteDuplicates() {
        for field in index.fields where field.name.isSingular {
            let bit = UInt64(1) << UInt64(field.name.rawValue)
            if seen.singular & bit != 0 {
                let kind: ParseFailure.Kind = field.name == .contentLength ? .contentLength : .duplicateHeader
                note(kind, "Duplicate \(field.name.canonical)")
            }
            seen.singular |= bit
        }
    }

    private mutating func address(
        _ value: Stretch?, _ spelling: StaticString
    ) -> (address: NameAddressShape, tag: Stretch?)? {
        guard let value else {
            note(.missingHeader, "Missing \(spelling)")
            return nil
        }
        var scanner = Scanner(bytes, value.range)
        guard let address = scanner.nameAddress(&ledger), scanner.atEnd else {
            note(.address, "Malformed \(spelling)")
            return nil
        }
        var tag: Stretch?
        ledger.begin()
        for parameter in HeaderParameters(bytes, address.parameters) {
            guard ledger.insert(bytes, parameter.name) else {
                note(.address, "Malformed \(spelling)")
                return nil
            }
            guard bytes.matches(parameter.name, lowercase: "tag") else { continue }
            guard let value = parameter.value, bytes[value].allSatisfy(ByteSet.token.contains) else {
                note(.address, "Malformed \(spelling) Tag")
                return nil
            }
            tag = Stretch(value)
        }
        return (address, tag)
    }

    /// `word ["@" word]`
    private mutating func parseCallID() {
        guard let value = seen.callID?.range else {
            note(.missingHeader, "Missing Call-ID")
            return
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
            return
        }
        index.callID = Stretch(value)
    }

    private mutating func parseCSeq() -> CSeq? {
        guard let value = seen.cSeq?.range else {
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
        index.cSeqValue = Stretch(value)
        return CSeq(number: UInt32(number), method: Method(bytes, method))
    }

    /// 0...255 (RFC 3261 section 20.22).
    private mutating func parseMaxForwards() {
        guard let value = seen.maxForwards?.range else { return }
        var scanner = Scanner(bytes, value)
        guard let number = scanner.number(maximumDigits: 10), number <= 255, scanner.atEnd else {
            note(.maxForwards, "Malformed Max-Forwards")
            return
        }
        index.maxForwards = number
    }

    /// Where the body stands: Content-Length octets, or the rest of the datagram (RFC 3261 section 18.3).
    private mutating func parseBody() -> Range<Int>? {
        guard let value = seen.contentLength?.range else { return headEnd..<bytes.count }
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
}
