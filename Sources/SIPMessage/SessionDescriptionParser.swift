import CoreTypes

extension SessionDescription {
    /// Parses a stretch of octets.
    ///
    /// Lenient about line ends (CRLF or LF, none behind the last line, empty lines behind it), an empty name, and the
    /// order of optional lines. Strict about what says where media flow.
    public init(parsing bytes: [UInt8], _ range: Range<Int>, limits: Limits = Limits()) throws(Failure) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count, range.count <= limits.bytes else {
            throw Failure(.tooLarge, line: 0)
        }
        var parser = SessionDescriptionParser(bytes: bytes, limits: limits)
        self = try parser.parse(range)
    }
}

private struct SessionDescriptionParser {
    typealias Failure = SessionDescription.Failure

    let bytes: [UInt8]
    let limits: SessionDescription.Limits
    /// The line being read, counted from 1.
    var lineNumber = 0

    var hasVersion = false
    var origin: SessionDescription.Origin?
    var name: Range<Int>?
    var connection: SessionDescription.Connection?
    var times: [Range<Int>] = []
    var attributes: [SessionDescription.Attribute] = []
    var media: [SessionDescription.Media] = []

    init(bytes: [UInt8], limits: SessionDescription.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func parse(_ range: Range<Int>) throws(Failure) -> SessionDescription {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, bytes[end] != .lineFeed { end += 1 }
            let next = min(end + 1, range.upperBound)
            if end > start, bytes[end - 1] == .carriageReturn { end -= 1 }
            lineNumber += 1
            guard lineNumber <= limits.lines, end - start <= limits.lineBytes else { throw failure(.tooLarge) }
            if start == end {
                guard bytes[start..<range.upperBound].allSatisfy({ $0 == .carriageReturn || $0 == .lineFeed }) else {
                    throw failure(.malformedLine)
                }
                break
            }
            try read(line: start..<end)
            start = next
        }
        guard let origin, let name, !times.isEmpty else { throw failure(.order) }
        if connection == nil, let stray = media.first(where: \.connections.isEmpty) {
            throw Failure(.noAddress, line: stray.lineNumber)
        }
        return SessionDescription(
            origin: origin, name: name, connection: connection, times: times, attributes: attributes, media: media)
    }

    private func failure(_ kind: Failure.Kind) -> Failure { Failure(kind, line: lineNumber) }

    private mutating func read(line: Range<Int>) throws(Failure) {
        guard line.count >= 2, bytes[line.lowerBound + 1] == .equals,
            !bytes[line].contains(where: { $0 == 0 || $0 == .carriageReturn })
        else { throw failure(.malformedLine) }
        let letter = bytes[line.lowerBound]
        let value = line.lowerBound + 2..<line.upperBound
        // Version, origin and name come first and in this order (RFC 8866 section 5); the rest may come in any, but
        // what belongs to the session alone must not stand behind a medium.
        switch letter {
        case UInt8(ascii: "v"):
            guard !hasVersion, lineNumber == 1 else { throw failure(.order) }
            guard bytes[value].elementsEqual([UInt8(ascii: "0")]) else { throw failure(.version) }
            hasVersion = true
        case UInt8(ascii: "o"):
            guard hasVersion, origin == nil, name == nil else { throw failure(.order) }
            origin = try readOrigin(value)
        case UInt8(ascii: "s"):
            guard origin != nil, name == nil else { throw failure(.order) }
            name = value
        case _ where name == nil:
            throw failure(.order)
        case UInt8(ascii: "t"):
            guard media.isEmpty else { throw failure(.order) }
            times.append(try readTime(value))
        case UInt8(ascii: "c"):
            try add(try readConnection(value, line: line))
        case UInt8(ascii: "a"):
            try add(try readAttribute(value))
        case UInt8(ascii: "m"):
            guard media.count < limits.media else { throw failure(.tooLarge) }
            media.append(try readMedia(value))
        case UInt8(ascii: "u"), UInt8(ascii: "e"), UInt8(ascii: "p"), UInt8(ascii: "r"), UInt8(ascii: "z"):
            guard media.isEmpty else { throw failure(.order) }
        case UInt8(ascii: "i"), UInt8(ascii: "b"), UInt8(ascii: "k"):
            break
        default:
            // RFC 8866 section 5: letters that one does not know mean that the description is not for one.
            throw failure(.malformedLine)
        }
    }

    private mutating func add(_ connection: SessionDescription.Connection) throws(Failure) {
        if let last = media.indices.last {
            media[last].connections.append(connection)
        } else if self.connection == nil {
            self.connection = connection
        } else {
            throw failure(.order)
        }
    }

    private mutating func add(_ attribute: SessionDescription.Attribute) throws(Failure) {
        if let last = media.indices.last {
            media[last].attributes.append(attribute)
        } else {
            attributes.append(attribute)
        }
    }

    /// The words of a line; single spaces stand between them.
    private func words(_ range: Range<Int>) -> [Range<Int>] {
        bytes[range].split(separator: .space, omittingEmptySubsequences: false).map { $0.startIndex..<$0.endIndex }
    }

    private func isNumber(_ range: Range<Int>) -> Bool {
        !range.isEmpty && bytes[range].allSatisfy(\.isDigit)
    }

    private func readOrigin(_ value: Range<Int>) throws(Failure) -> SessionDescription.Origin {
        let words = words(value)
        guard words.count == 6, !words[0].isEmpty, isNumber(words[1]), isNumber(words[2]),
            let host = host(network: words[3], family: words[4], words[5])
        else { throw failure(.origin) }
        return SessionDescription.Origin(username: words[0], sessionID: words[1], sessionVersion: words[2], host: host)
    }

    private func readTime(_ value: Range<Int>) throws(Failure) -> Range<Int> {
        let words = words(value)
        guard words.count == 2, words.allSatisfy(isNumber) else { throw failure(.time) }
        return value
    }

    private func readConnection(_ value: Range<Int>, line: Range<Int>) throws(Failure)
        -> SessionDescription.Connection
    {
        let words = words(value)
        guard words.count == 3 else { throw failure(.connection) }
        let parts = bytes[words[2]].split(separator: .slash, omittingEmptySubsequences: false)
            .map { $0.startIndex..<$0.endIndex }
        guard let address = parts.first, let host = host(network: words[0], family: words[1], address) else {
            throw failure(.connection)
        }
        var numbers: [Int] = []
        for part in parts.dropFirst() {
            var scanner = Scanner(bytes, part)
            guard let number = scanner.number(maximumDigits: 5), scanner.atEnd else { throw failure(.connection) }
            numbers.append(number)
        }
        // IPv4: address/TTL/count; IPv6 has no TTL: address/count.
        let isIPv4 = bytes.matches(words[1], lowercase: "ip4")
        guard numbers.count <= (isIPv4 ? 2 : 1) else { throw failure(.connection) }
        let timeToLive = isIPv4 ? numbers.first : nil
        let count = isIPv4 ? (numbers.count == 2 ? numbers[1] : 1) : numbers.first ?? 1
        guard timeToLive ?? 0 <= 255, count > 0 else { throw failure(.connection) }
        return SessionDescription.Connection(
            host: host, timeToLive: timeToLive.map { UInt8(truncatingIfNeeded: $0) }, count: count, line: line)
    }

    /// `IN IP4 address-or-name`: an address must be of the family that it claims.
    private func host(network: Range<Int>, family: Range<Int>, _ address: Range<Int>) -> Host? {
        guard bytes.matches(network, lowercase: "in") else { return nil }
        let isIPv4 = bytes.matches(family, lowercase: "ip4")
        guard isIPv4 || bytes.matches(family, lowercase: "ip6") else { return nil }
        if bytes[address].contains(.colon) {
            return isIPv4 ? nil : IPAddress(octets: bytes[address]).map(Host.address)
        }
        var scanner = Scanner(bytes, address)
        guard let host = scanner.host(), scanner.atEnd else { return nil }
        if host.address != nil, !isIPv4 { return nil }
        return Host(bytes, host)
    }

    private func readAttribute(_ value: Range<Int>) throws(Failure) -> SessionDescription.Attribute {
        var scanner = Scanner(bytes, value)
        guard let name = scanner.token() else { throw failure(.attribute) }
        if scanner.atEnd { return SessionDescription.Attribute(name: name, value: nil) }
        guard scanner.take(.colon) else { throw failure(.attribute) }
        return SessionDescription.Attribute(name: name, value: scanner.position..<value.upperBound)
    }

    private func readMedia(_ value: Range<Int>) throws(Failure) -> SessionDescription.Media {
        // Some phones end the line with a space.
        var trimmed = value
        while trimmed.upperBound > trimmed.lowerBound, bytes[trimmed.upperBound - 1] == .space {
            trimmed = trimmed.lowerBound..<trimmed.upperBound - 1
        }
        let words = words(trimmed)
        guard words.count >= 4, words.allSatisfy({ !$0.isEmpty }) else { throw failure(.media) }
        var kind = Scanner(bytes, words[0])
        guard kind.token() != nil, kind.atEnd else { throw failure(.media) }
        var scanner = Scanner(bytes, words[1])
        guard let port = scanner.number(maximumDigits: 5), let port = UInt16(exactly: port) else {
            throw failure(.media)
        }
        var count = 1
        if scanner.take(.slash) {
            guard let number = scanner.number(maximumDigits: 5), number > 0 else { throw failure(.media) }
            count = number
        }
        guard scanner.atEnd, Int(port) + count - 1 <= 65535 else { throw failure(.media) }
        let transport = words[2]
        guard bytes[transport].allSatisfy({ ByteSet.token.contains($0) || $0 == .slash }) else { throw failure(.media) }
        return SessionDescription.Media(
            kind: words[0], port: port, portCount: count, transport: transport, formats: Array(words[3...]),
            lineNumber: lineNumber)
    }
}
