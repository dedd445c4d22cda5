import NIOCore
import NIOTestUtils
import SIPMessage
import Testing

/// The framer as NIO's verifier wants it.
private struct FramingDecoder: ByteToMessageDecoder {
    enum Output: Equatable {
        case message(String)
        case ping
    }
    typealias InboundOut = Output

    private var framer = StreamFramer()

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        // The framer keeps octets itself, so nothing calls again for a second message in them.
        framer.append(buffer.readableBytesView)
        buffer.moveReaderIndex(to: buffer.writerIndex)
        while true {
            switch framer.next() {
            case .message(let bytes):
                context.fireChannelRead(wrapInboundOut(.message(String(decoding: bytes, as: UTF8.self))))
            case .ping: context.fireChannelRead(wrapInboundOut(.ping))
            case .needMore: return .needMoreData
            case .failed(let failure): throw failure
            }
        }
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        try decode(context: context, buffer: &buffer)
    }
}

@Suite struct FramingTests {
    private static func message(_ number: Int, _ length: String, body: String = "") -> String {
        "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: \(number)\r\n\(length)\r\n\r\n\(body)"
    }

    private static let pieces: [(String, [FramingDecoder.Output])] =
        [
            message(1, "Content-Length: 5", body: "a\r\n\r\n"), message(2, "l: 0"),
            message(3, "Content-Length:\r\n 3", body: "abc"),
            message(4, "Content-Length : \r\n\t \r\n  12", body: "SIP/2.0 200 "),
            message(5, "CONTENT-LENGTH: 00002", body: "\r\n"),
        ].map { ($0, [.message($0)]) } + [("\r\n\r\n", [.ping])]

    @Test("NIO's verifier finds no split that changes a message")
    func verifier() throws {
        for _ in 0..<10 {
            try ByteToMessageDecoderVerifier.verifyDecoder(stringInputOutputPairs: Self.pieces) { FramingDecoder() }
        }
    }

    @Test("pipelined messages, keep-alives and folded lengths come out the same at every pair of splits")
    func everyPairOfSplits() {
        let stream = Array((Self.pieces + Self.pieces.reversed()).map(\.0).joined().utf8)
        var whole = StreamFramer()
        whole.append(stream)
        let expected = Self.outputs(&whole)
        #expect(expected.count == 12)
        for first in 0...stream.count {
            for second in stride(from: first, through: stream.count, by: 97) {
                var framer = StreamFramer()
                var found: [StreamFramer.Output] = []
                for part in [stream[..<first], stream[first..<second], stream[second...]] {
                    framer.append(part)
                    found += Self.outputs(&framer)
                }
                #expect(found == expected, "split at \(first) and \(second)")
            }
        }
    }

    private static func outputs(_ framer: inout StreamFramer) -> [StreamFramer.Output] {
        var outputs: [StreamFramer.Output] = []
        while true {
            switch framer.next() {
            case .needMore: return outputs
            case .failed(let failure): return outputs + [.failed(failure)]
            case let output: outputs.append(output)
            }
        }
    }
}
