internal import CoreTypes
internal import Glibc

/// Random text for tags, branches and Call-IDs.
enum Token {
    /// 80 random bits.
    static func make() -> String {
        var random = SystemRandomNumberGenerator()
        return Hexadecimal.string((0..<10).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }

    static func branch() -> String { "z9hG4bK" + make() }
}

enum SessionDescription {
    /// An offer or answer of G.711 that takes no media: the port is "discard".
    static func text(_ address: IPAddress) -> String {
        let kind = address.family == .v4 ? "IP4" : "IP6"
        return """
            v=0\r
            o=sallyport 1 1 IN \(kind) \(address)\r
            s=-\r
            c=IN \(kind) \(address)\r
            t=0 0\r
            m=audio 9 RTP/AVP 0 8\r
            a=rtpmap:0 PCMU/8000\r
            a=rtpmap:8 PCMA/8000\r

            """
    }
}

enum WallClock {
    /// Milliseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
