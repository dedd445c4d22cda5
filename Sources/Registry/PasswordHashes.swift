internal import CoreTypes
internal import Crypto
internal import CryptoExtras

/// The HA1 of a password in each algorithm of RFC 8760: the hash of `user:realm:password`, as lower-case hexadecimal
/// digits.
struct PasswordHashes: Equatable {
    var md5: String
    var sha256: String
    var sha512_256: String
    /// Kamailio's HA1B: MD5 of `user@domain:realm:password`, for phones that put the domain into the user name.
    var md5WithDomain: String

    /// - Parameter domain: as it stands in the table, since HA1B depends on its case.
    init(user: String, domain: String, realm: String, password: String) {
        let text = Array("\(user):\(realm):\(password)".utf8)
        md5 = Hexadecimal.string(Array(Insecure.MD5.hash(data: text)))
        sha256 = Hexadecimal.string(Array(SHA256.hash(data: text)))
        sha512_256 = Hexadecimal.string(Array(SHA512256.hash(data: text)))
        let withDomain = Array("\(user)@\(domain):\(realm):\(password)".utf8)
        md5WithDomain = Hexadecimal.string(Array(Insecure.MD5.hash(data: withDomain)))
    }

    static func check(_ password: String) throws(RegistryError) {
        guard isUsable(password) else {
            throw RegistryError(.invalid, "a password has 1 to 1024 bytes and no control characters")
        }
    }

    static func isUsable(_ password: String) -> Bool {
        (1...1024).contains(password.utf8.count)
            && !password.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// The digits in lower case when they are a digest of so many bytes.
    static func digits(_ text: String, bytes count: Int) -> [UInt8]? {
        Hexadecimal.decode(text.utf8).flatMap { $0.count == count ? Hexadecimal.encode($0) : nil }
    }
}
