/// Finds the negotiated cipher suite in the first bytes that a TLS server sends.
///
/// A ServerHello is plaintext in every version (RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3). It may be spread over
/// several records and arrive in any pieces. A HelloRetryRequest has the same form and the same suite.
package struct ServerHelloParser {
    package enum Outcome: Equatable {
        case needMore
        /// The code point of the suite.
        case suite(UInt16)
        /// An alert, or something that is not TLS.
        case none
    }

    private static let handshake: UInt8 = 22
    private static let serverHello: UInt8 = 2
    /// Message type and length, version, random.
    private static let fixedPart = 4 + 2 + 32

    private var recordHeader: [UInt8] = []
    private var recordRemaining = 0
    /// The beginning of the handshake message, as much as is needed: at most 73 octets.
    private var message: [UInt8] = []
    private var outcome: Outcome = .needMore

    package init() {}

    package mutating func consume(_ bytes: some Sequence<UInt8>) -> Outcome {
        for byte in bytes {
            guard outcome == .needMore else { break }
            if recordRemaining > 0 {
                recordRemaining -= 1
                message.append(byte)
                examineMessage()
            } else {
                recordHeader.append(byte)
                if recordHeader.count == 5 { beginRecord() }
            }
        }
        return outcome
    }

    private mutating func beginRecord() {
        recordRemaining = Int(recordHeader[3]) << 8 | Int(recordHeader[4])
        // Versions 3.0 to 3.4 in the record layer; empty handshake records are not allowed.
        if recordHeader[0] != Self.handshake || recordHeader[1] != 3 || recordRemaining == 0 { outcome = .none }
        recordHeader.removeAll(keepingCapacity: true)
    }

    private mutating func examineMessage() {
        if message.count == 1, message[0] != Self.serverHello { outcome = .none }
        guard message.count > Self.fixedPart else { return }
        let sessionIDLength = Int(message[Self.fixedPart])
        guard sessionIDLength <= 32 else {
            outcome = .none
            return
        }
        let suite = Self.fixedPart + 1 + sessionIDLength
        guard message.count == suite + 2 else { return }
        outcome = .suite(UInt16(message[suite]) << 8 | UInt16(message[suite + 1]))
    }
}

/// IANA's names of the suites that are offered here.
package enum CipherSuite {
    package static func name(of code: UInt16) -> String {
        switch code {
        case 0x1301: "TLS_AES_128_GCM_SHA256"
        case 0x1302: "TLS_AES_256_GCM_SHA384"
        case 0x1303: "TLS_CHACHA20_POLY1305_SHA256"
        case 0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case 0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case 0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case 0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        case 0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
        case 0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        default: "0x" + String(code, radix: 16)
        }
    }
}
