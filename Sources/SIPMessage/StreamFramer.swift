/// Cuts a byte stream into messages (RFC 3261 section 18.3): header up to the empty line, then Content-Length octets.
///
/// A stream whose framing is in doubt can't be trusted for anything behind it: `failed` is final.
public struct StreamFramer: Sendable {
    public enum Output: Sendable, Equatable {
        /// One whole message.
        case message([UInt8])
        /// A double CRLF between messages: the peer wants a CRLF back (RFC 5626 section 3.5.1).
        case ping
        case needMore
        case failed(Failure)
    }

    public enum Failure: String, Error, Sendable, CaseIterable {
        case headerTooLarge = "header_too_large"
        case messageTooLarge = "message_too_large"
        case missingContentLength = "missing_content_length"
        case badContentLength = "bad_content_length"
        case conflictingContentLength = "conflicting_content_length"
        case bareLineEnd = "bare_line_end"
        case notSIP = "not_sip"
    }

    private let maximumHeader: Int
    private let maximumMessage: Int
    private var buffer: [UInt8] = []
    private var start = 0
    /// How far the search for the end of the header has come.
    private var scanned = 0
    private var failure: Failure?

    /// - Parameters:
    ///   - maximumHeader: octets of start line and header together.
    ///   - maximumMessage: octets of a whole message.
    public init(maximumHeader: Int = 65_535, maximumMessage: Int = 65_535) {
        self.maximumHeader = maximumHeader
        self.maximumMessage = maximumMessage
    }

    /// Octets held that are not a whole message yet.
    public var pendingBytes: Int { buffer.count - start }

    /// The first octets of what is held, for telling what could not be framed.
    public func head(_ count: Int) -> [UInt8] {
        Array(buffer[start..<min(buffer.count, start + count)])
    }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        guard failure == nil else { return }
        if start > 0 {
            buffer.removeSubrange(..<start)
            scanned -= start
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next thing in the stream. Call until it says `needMore` or `failed`.
    public mutating func next() -> Output {
        if let failure { return .failed(failure) }
        if let keepAlive = skipKeepAlives() { return keepAlive }
        guard start < buffer.count else {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 4096)
            start = 0
            scanned = 0
            return .needMore
        }
        // A method is any token, such as `!interesting-Method` (RFC 4475 section 3.1.1.2).
        guard ByteSet.token.contains(buffer[start]) else { return fail(.notSIP) }
        guard let headerEnd = findHeaderEnd() else {
            return failure.map(Output.failed)
                ?? (buffer.count - start > maximumHeader ? fail(.headerTooLarge) : .needMore)
        }
        guard headerEnd - start <= maximumHeader else { return fail(.headerTooLarge) }
        switch contentLength(start..<headerEnd) {
        case .failure(let reason):
            return fail(reason)
        case .success(let length):
            guard headerEnd - start + length <= maximumMessage else { return fail(.messageTooLarge) }
            guard buffer.count >= headerEnd + length else { return .needMore }
            let message = Array(buffer[start..<headerEnd + length])
            start = headerEnd + length
            scanned = start
            return .message(message)
        }
    }

    private mutating func fail(_ reason: Failure) -> Output {
        failure = reason
        return .failed(reason)
    }

    /// CRLFs before a start line are ignored (RFC 3261 section 7.5); two in a row are a ping.
    private mutating func skipKeepAlives() -> Output? {
        while start + 1 < buffer.count, buffer[start] == .carriageReturn, buffer[start + 1] == .lineFeed {
            if start + 3 < buffer.count, buffer[start + 2] == .carriageReturn, buffer[start + 3] == .lineFeed {
                start += 4
                scanned = start
                return .ping
            }
            // A lone CRLF may be the first half of a ping.
            if start + 2 == buffer.count || (start + 3 == buffer.count && buffer[start + 2] == .carriageReturn) {
                return .needMore
            }
            start += 2
            scanned = start
        }
        if start + 1 == buffer.count, buffer[start] == .carriageReturn { return .needMore }
        return nil
    }

    /// The offset behind the empty line. A bare CR or LF in the header makes the framing doubtful.
    private mutating func findHeaderEnd() -> Int? {
        var index = max(scanned, start)
        while index < buffer.count {
            let byte = buffer[index]
            if byte == .carriageReturn {
                guard index + 1 < buffer.count else { break }
                guard buffer[index + 1] == .lineFeed else {
                    failure = .bareLineEnd
                    return nil
                }
                if index >= start + 2, buffer[index - 1] == .lineFeed {
                    scanned = index
                    return index + 2
                }
                index += 2
                continue
            }
            if byte == .lineFeed {
                failure = .bareLineEnd
                return nil
            }
            index += 1
        }
        scanned = index
        return nil
    }

    private func contentLength(_ header: Range<Int>) -> Result<Int, Failure> {
        var found: Int?
        var lineStart = header.lowerBound
        while lineStart < header.upperBound {
            var lineEnd = lineStart
            while lineEnd < header.upperBound, buffer[lineEnd] != .carriageReturn { lineEnd += 1 }
            var scanner = Scanner(buffer, lineStart..<lineEnd)
            if let name = scanner.token(), HeaderName.recognize(buffer, name) == .contentLength {
                while let byte = scanner.peek, byte.isBlank { scanner.position += 1 }
                if scanner.take(.colon) {
                    guard let length = value(of: &scanner, lineEnd: lineEnd, header: header) else {
                        return .failure(.badContentLength)
                    }
                    guard found == nil else { return .failure(.conflictingContentLength) }
                    found = length
                }
            }
            lineStart = lineEnd + 2
        }
        return found.map { .success($0) } ?? .failure(.missingContentLength)
    }

    /// The number on this line or on the folded one behind it.
    private func value(of scanner: inout Scanner, lineEnd: Int, header: Range<Int>) -> Int? {
        var end = lineEnd
        while end + 2 < header.upperBound, buffer[end + 2].isBlank {
            end += 2
            while end < header.upperBound, buffer[end] != .carriageReturn { end += 1 }
        }
        let trimmed = buffer.trimmed(scanner.position..<end)
        var digits = Scanner(buffer, trimmed)
        guard let number = digits.number(maximumDigits: 9), digits.atEnd else { return nil }
        return number
    }
}
