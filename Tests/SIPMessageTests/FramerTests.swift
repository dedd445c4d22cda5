import SIPMessage
import Testing

@Suite("Stream framing")
struct FramerTests {
    private static let first = wire(Message.plainInvite + "\nContent-Length: 3", body: "abc")
    private static let second = wire(Message.plainInvite + "\nl:\n  0")

    private func outputs(_ framer: inout StreamFramer) -> [StreamFramer.Output] {
        var result: [StreamFramer.Output] = []
        while true {
            let output = framer.next()
            if output == .needMore { return result }
            result.append(output)
            if case .failed = output { return result }
        }
    }

    @Test("messages come out whole wherever the stream is split")
    func everySplit() {
        let stream = Self.first + Array("\r\n\r\n".utf8) + Self.second + Array("\r\n".utf8) + Self.first
        let expected: [StreamFramer.Output] = [
            .message(Self.first), .ping, .message(Self.second), .message(Self.first),
        ]
        for split in 0...stream.count {
            var framer = StreamFramer()
            framer.append(stream[..<split])
            var result = outputs(&framer)
            framer.append(stream[split...])
            result += outputs(&framer)
            #expect(result == expected, "split at \(split)")
        }
    }

    @Test("octet by octet it comes out the same")
    func byteWise() {
        var framer = StreamFramer()
        var result: [StreamFramer.Output] = []
        for byte in Self.first + Self.second {
            framer.append([byte])
            result += outputs(&framer)
        }
        #expect(result == [.message(Self.first), .message(Self.second)])
        #expect(framer.pendingBytes == 0)
    }

    @Test(
        "doubtful framing ends the stream",
        arguments: [
            (Message.plainInvite, StreamFramer.Failure.missingContentLength),
            (Message.plainInvite + "\nContent-Length: 1\nl: 2", .conflictingContentLength),
            (Message.plainInvite + "\nContent-Length: 2, 3", .badContentLength),
            (Message.plainInvite + "\nContent-Length: -3", .badContentLength),
            (Message.plainInvite + "\nContent-Length: 999999999", .messageTooLarge),
            ("\u{16}\u{3}\u{1}", .notSIP),
        ])
    func failures(text: String, reason: StreamFramer.Failure) {
        var framer = StreamFramer()
        framer.append(wire(text))
        #expect(framer.next() == .failed(reason))
        framer.append(Self.first)
        #expect(framer.next() == .failed(reason))
    }

    @Test("a header that never ends is given up")
    func endlessHeader() {
        var framer = StreamFramer(maximumHeader: 1000)
        framer.append(Array("INVITE sip:a SIP/2.0\r\n".utf8))
        for _ in 0..<100 { framer.append(Array("X: aaaaaaaaaaaaaaaa\r\n".utf8)) }
        #expect(framer.next() == .failed(.headerTooLarge))
    }

    @Test("a bare line end in the header ends the stream")
    func bareLineEnd() {
        var framer = StreamFramer()
        framer.append(Array("INVITE sip:a SIP/2.0\nX: y\r\n\r\n".utf8))
        #expect(framer.next() == .failed(.bareLineEnd))
    }
}
