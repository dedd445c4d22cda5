internal import CZlib

/// What zlib can't go on with.
struct GzipError: Error, CustomStringConvertible {
    let description: String
}

/// Compresses bytes as one member of gzip (RFC 1952).
///
/// A class, since zlib's state must not move in memory.
final class GzipEncoder {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let header = UnsafeMutablePointer<gz_header>.allocate(capacity: 1)
    private let comment: UnsafeMutablePointer<UInt8>
    private static let chunk = 1 << 16

    /// - Parameter text: goes into the header, readable without decompressing; ASCII without NUL.
    init(comment text: String) throws(GzipError) {
        comment = .allocate(capacity: text.utf8.count + 1)
        for (index, byte) in text.utf8.enumerated() { comment[index] = byte }
        comment[text.utf8.count] = 0
        stream.initialize(to: z_stream())
        header.initialize(to: gz_header())
        header.pointee.comment = comment
        header.pointee.os = 3
        let code = sallyport_deflate_init(stream, 6)
        guard code == Z_OK, deflateSetHeader(stream, header) == Z_OK else {
            throw GzipError(description: "zlib can't begin to compress (code \(code))")
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        header.deallocate()
        comment.deallocate()
    }

    /// - Parameter isLast: ends the member; nothing may come after it.
    /// - Returns: what is ready to be written; may be empty.
    func encode(_ bytes: [UInt8], isLast: Bool) throws(GzipError) -> [UInt8] {
        var input = bytes
        var output: [UInt8] = []
        var code = Z_OK
        input.withUnsafeMutableBufferPointer { buffer in
            stream.pointee.next_in = buffer.baseAddress
            stream.pointee.avail_in = UInt32(buffer.count)
            repeat {
                var produced = 0
                output += [UInt8](unsafeUninitializedCapacity: Self.chunk) { space, count in
                    stream.pointee.next_out = space.baseAddress
                    stream.pointee.avail_out = UInt32(Self.chunk)
                    code = deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                    produced = Self.chunk - Int(stream.pointee.avail_out)
                    count = produced
                }
                if code != Z_OK || produced < Self.chunk { break }
            } while true
        }
        guard code == Z_OK || code == Z_BUF_ERROR || (isLast && code == Z_STREAM_END) else {
            throw GzipError(description: "zlib can't compress (code \(code))")
        }
        return output
    }
}

/// Decompresses one member of gzip, in memory that does not grow with what comes out.
final class GzipDecoder {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let header = UnsafeMutablePointer<gz_header>.allocate(capacity: 1)
    private let commentSpace = UnsafeMutablePointer<UInt8>.allocate(capacity: GzipDecoder.commentLimit)
    private var input: [UInt8] = []
    private var consumed = 0
    /// The member's end has come, and its checksum was right.
    private(set) var isAtEnd = false

    private static let commentLimit = 1024

    init() throws(GzipError) {
        stream.initialize(to: z_stream())
        header.initialize(to: gz_header())
        commentSpace.initialize(repeating: 0, count: Self.commentLimit)
        header.pointee.comment = commentSpace
        header.pointee.comm_max = UInt32(Self.commentLimit)
        let code = sallyport_inflate_init(stream)
        guard code == Z_OK, inflateGetHeader(stream, header) == Z_OK else {
            throw GzipError(description: "zlib can't begin to decompress (code \(code))")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        header.deallocate()
        commentSpace.deallocate()
    }

    /// Whether more compressed bytes are needed before more can come out.
    var isHungry: Bool { consumed == input.count && !isAtEnd }
    /// Whether something stands behind the member's end.
    var hasLeftovers: Bool { isAtEnd && consumed < input.count }

    /// The header's comment; empty until the header was read.
    var comment: String {
        guard header.pointee.done == 1, commentSpace[Self.commentLimit - 1] == 0 else { return "" }
        return String(cString: commentSpace)
    }

    /// Takes the next compressed bytes; only when it is hungry.
    func feed(_ bytes: [UInt8]) {
        input = bytes
        consumed = 0
    }

    /// - Returns: at most `count` bytes; fewer when it is hungry or at the end.
    func decode(_ count: Int) throws(GzipError) -> [UInt8] {
        guard !isAtEnd, consumed < input.count else { return [] }
        var code = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: count) { space, produced in
            input.withUnsafeMutableBufferPointer { buffer in
                stream.pointee.next_in = buffer.baseAddress.map { $0 + consumed }
                stream.pointee.avail_in = UInt32(buffer.count - consumed)
                stream.pointee.next_out = space.baseAddress
                stream.pointee.avail_out = UInt32(count)
                code = inflate(stream, Z_NO_FLUSH)
                consumed = buffer.count - Int(stream.pointee.avail_in)
                produced = count - Int(stream.pointee.avail_out)
            }
        }
        switch code {
        case Z_STREAM_END: isAtEnd = true
        case Z_OK, Z_BUF_ERROR: break
        default: throw GzipError(description: "the compressed data are damaged")
        }
        return output
    }
}
