internal import CoreTypes
internal import Foundation

/// The JSON in which instances and containers are told their credentials.
struct TemporaryCredentials: Decodable {
    let code: String?
    let accessKeyID: String?
    let secretAccessKey: String?
    let token: String?
    let expiration: String?

    enum CodingKeys: String, CodingKey {
        case code = "Code"
        case accessKeyID = "AccessKeyId"
        case secretAccessKey = "SecretAccessKey"
        case token = "Token"
        case expiration = "Expiration"
    }

    static func read(_ body: [UInt8], origin: String) throws(AWSError) -> Credentials {
        let read: TemporaryCredentials
        do {
            read = try JSONDecoder().decode(TemporaryCredentials.self, from: Data(body))
        } catch {
            throw AWSError(
                code: AWSError.Code.badAnswer, "the answer is not JSON of the expected shape", place: origin,
                fault: .service)
        }
        guard read.code == nil || read.code == "Success", let key = read.accessKeyID, !key.isEmpty,
            let secret = read.secretAccessKey, !secret.isEmpty
        else {
            throw AWSError(
                code: AWSError.Code.badAnswer, "the answer has no credentials, its code is \(read.code ?? "absent")",
                place: origin, fault: .service)
        }
        var expiresAt: Int64?
        if let expiration = read.expiration {
            guard let parsed = CivilTime.parse(rfc3339: expiration) else {
                throw AWSError(
                    code: AWSError.Code.badAnswer,
                    "the credentials expire at '\(expiration.prefix(40))', which is no date",
                    place: origin, fault: .service)
            }
            expiresAt = parsed
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: read.token, expiresAt: expiresAt, origin: origin)
    }
}
