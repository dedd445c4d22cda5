import Testing
import TransportSecurity

@Suite struct ServerHelloTests {
    /// A ServerHello in records of at most `recordSize` octets.
    private func hello(suite: UInt16, sessionID: Int, recordSize: Int) -> [UInt8] {
        var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32)
        body += [UInt8(sessionID)] + Array(repeating: 9, count: sessionID)
        body += [UInt8(suite >> 8), UInt8(suite & 255), 0, 0, 0]
        let message = [2, 0, 0, UInt8(body.count)] + body
        var wire: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            let part = rest.prefix(recordSize)
            wire += [22, 3, 3, 0, UInt8(part.count)] + part
            rest = rest.dropFirst(recordSize)
        }
        return wire + [20, 3, 3, 0, 1, 1]
    }

    @Test("the suite is found however the hello is cut", arguments: [0, 32], [1, 3, 39, 200])
    func suiteFoundHoweverHello(sessionID: Int, recordSize: Int) {
        let wire = hello(suite: 0x1302, sessionID: sessionID, recordSize: recordSize)
        var whole = ServerHelloParser()
        #expect(whole.consume(wire) == .suite(0x1302))
        var split = ServerHelloParser()
        var outcomes: [ServerHelloParser.Outcome] = []
        for byte in wire { outcomes.append(split.consume([byte])) }
        #expect(outcomes.first == .needMore)
        #expect(outcomes.last == .suite(0x1302))
    }

    @Test(
        "anything else is none",
        arguments: [
            [21, 3, 3, 0, 2, 2, 40], [22, 3, 3, 0, 0], Array("SIP/2.0 200 OK".utf8), [22, 3, 3, 0, 4, 1, 0, 0, 1],
            [22, 3, 3, 0, 60, 2, 0, 0, 56, 3, 3] + Array(repeating: 0, count: 32) + [33],
        ])
    func anythingElseNone(bytes: [UInt8]) {
        var parser = ServerHelloParser()
        #expect(parser.consume(bytes) == .none)
        #expect(parser.consume([22, 3, 3]) == .none)
    }

    @Test("a suite has IANA's name, an unknown one its number")
    func suiteHasIanasName() {
        #expect(CipherSuite.name(of: 0x1302) == "TLS_AES_256_GCM_SHA384")
        #expect(CipherSuite.name(of: 0xCCA9) == "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")
        #expect(CipherSuite.name(of: 0x2F) == "0x2f")
    }
}
