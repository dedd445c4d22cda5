import SIPMessage

/// What holds for every stream: how it is cut into reads changes nothing, and what comes out of it is what a datagram
/// with those octets would have given.
enum StreamProperties {
    /// The first octet picks how the rest is split.
    static func violation(_ bytes: [UInt8]) -> String? {
        guard let seed = bytes.first else { return nil }
        let stream = bytes.dropFirst()
        let whole = outputs(of: [stream])
        let pieces = split(stream, seed: seed)
        guard outputs(of: pieces) == whole else { return "split differently, the stream holds other messages" }
        for case .message(let octets) in whole {
            guard let message = try? Message(parsing: octets) else { continue }
            guard message.bytes == octets, message.has(.contentLength) else {
                return "a datagram's parser sees another message than the stream's"
            }
        }
        return nil
    }

    private static func outputs(of pieces: [ArraySlice<UInt8>]) -> [StreamFramer.Output] {
        var framer = StreamFramer()
        var result: [StreamFramer.Output] = []
        for piece in pieces {
            framer.append(piece)
            reading: while true {
                let output = framer.next()
                switch output {
                case .needMore: break reading
                case .failed:
                    result.append(output)
                    return result
                case .message, .ping: result.append(output)
                }
            }
        }
        return result
    }

    private static func split(_ stream: ArraySlice<UInt8>, seed: UInt8) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var state = UInt32(seed) &+ 1
        var rest = stream
        while !rest.isEmpty {
            state = state &* 1_664_525 &+ 1_013_904_223
            let length = seed < 64 ? 1 : Int(state >> 24) % (seed < 128 ? 7 : 200) + 1
            pieces.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}
