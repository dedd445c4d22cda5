import CLoad

enum Digest {
    enum Algorithm: String {
        case md5 = "MD5"
        case sha256 = "SHA-256"

        var digits: Int { self == .md5 ? 32 : 64 }
    }

    static func hexadecimal(_ algorithm: Algorithm, _ bytes: [UInt8]) -> [UInt8] {
        var digits = [UInt8](repeating: 0, count: algorithm.digits)
        load_digest(algorithm == .sha256 ? 1 : 0, bytes, bytes.count, &digits)
        return digits
    }

    /// Appends the response of RFC 7616 section 3.4.1 for `qop=auth` and the client nonce of the templates.
    static func addResponse(
        _ algorithm: Algorithm, _ templates: borrowing Templates, nonce: Span8, scratch: UnsafeMutablePointer<UInt8>,
        to writer: inout Writer
    ) {
        var text = Writer(scratch)
        text.add(templates.passwordDigest, templates.passwordDigest.count)
        text.add(byte: UInt8(ascii: ":"))
        text.add(nonce.bytes, nonce.count)
        text.add(":00000001:load:auth:")
        text.add(templates.requestDigest, templates.requestDigest.count)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { digits in
            guard let start = digits.baseAddress else { return }
            load_digest(algorithm == .sha256 ? 1 : 0, text.start, text.count, start)
            writer.add(start, algorithm.digits)
        }
    }
}
