/// What a request to AWS is signed with.
struct Credentials: Hashable, Sendable {
    let accessKeyID: String
    let secretAccessKey: String
    /// Goes with temporary credentials, and with no others.
    let sessionToken: String?
    /// Milliseconds since 1970 from which they are no longer taken; nil: no end is known.
    let expiresAt: Int64?
    /// Where they come from, for messages: `the environment`, `profile production of ~/.aws/credentials`.
    let origin: String

    init(
        accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiresAt: Int64? = nil,
        origin: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
        self.origin = origin
    }
}

/// Without the secret: what is printed ends in logs.
extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "access key \(accessKeyID) from \(origin)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID, "origin": origin]) }
}
