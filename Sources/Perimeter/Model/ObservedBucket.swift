/// An S3 bucket as it was found.
public struct ObservedBucket: Codable, Sendable, Equatable {
    /// The parts of a bucket that are looked at one by one, so that one that may not be read doesn't hide the others.
    public enum Part: String, Codable, Sendable, CaseIterable, CodingKeyRepresentable {
        case publicAccess = "public_access"
        case encryption
        case versioning
        case lifecycle
    }

    public enum Versioning: String, Codable, Sendable {
        case off
        case enabled
        case suspended
    }

    public var name: String
    public var exists: Bool
    /// Nil: nothing is blocked.
    public var publicAccessBlocked: PublicAccessBlock?
    /// `AES256`, `aws:kms`, `aws:kms:dsse`; nil: none.
    public var encryption: String?
    public var versioning: Versioning
    public var lifecycle: [LifecycleRule]
    /// Why a part could not be read; its value means nothing then.
    public var unreadable: [Part: String]

    private enum CodingKeys: String, CodingKey {
        case name, exists, encryption, versioning, lifecycle, unreadable
        case publicAccessBlocked = "public_access_blocked"
    }

    public init(
        name: String, exists: Bool = true, publicAccessBlocked: PublicAccessBlock? = nil, encryption: String? = nil,
        versioning: Versioning = .off, lifecycle: [LifecycleRule] = [], unreadable: [Part: String] = [:]
    ) {
        self.name = name
        self.exists = exists
        self.publicAccessBlocked = publicAccessBlocked
        self.encryption = encryption
        self.versioning = versioning
        self.lifecycle = lifecycle
        self.unreadable = unreadable
    }
}

/// The four switches of S3's public access block.
public struct PublicAccessBlock: Codable, Sendable, Hashable {
    public var blockPublicACLs: Bool
    public var ignorePublicACLs: Bool
    public var blockPublicPolicy: Bool
    public var restrictPublicBuckets: Bool

    private enum CodingKeys: String, CodingKey {
        case blockPublicACLs = "block_public_acls"
        case ignorePublicACLs = "ignore_public_acls"
        case blockPublicPolicy = "block_public_policy"
        case restrictPublicBuckets = "restrict_public_buckets"
    }

    public init(
        blockPublicACLs: Bool, ignorePublicACLs: Bool, blockPublicPolicy: Bool, restrictPublicBuckets: Bool
    ) {
        self.blockPublicACLs = blockPublicACLs
        self.ignorePublicACLs = ignorePublicACLs
        self.blockPublicPolicy = blockPublicPolicy
        self.restrictPublicBuckets = restrictPublicBuckets
    }

    public static let everything = PublicAccessBlock(
        blockPublicACLs: true, ignorePublicACLs: true, blockPublicPolicy: true, restrictPublicBuckets: true)

    /// The names, as S3 has them, of the switches that are off.
    var missing: [String] {
        [
            ("BlockPublicAcls", blockPublicACLs), ("IgnorePublicAcls", ignorePublicACLs),
            ("BlockPublicPolicy", blockPublicPolicy), ("RestrictPublicBuckets", restrictPublicBuckets),
        ].filter { !$0.1 }.map(\.0)
    }
}

/// One rule of a bucket's lifecycle.
public struct LifecycleRule: Codable, Sendable, Hashable {
    /// The id of the rule that plans write; every other one is somebody else's and is left as it is.
    public static let ownID = "sallyport-expiry"

    public var id: String
    public var isEnabled: Bool
    /// Whether it concerns every object, not only some.
    public var isForWholeBucket: Bool
    public var expireAfterDays: Int?
    public var expireOldVersionsAfterDays: Int?
    /// The rule in the backend's own words, to be put back as it was.
    public var definition: String

    private enum CodingKeys: String, CodingKey {
        case id, definition
        case isEnabled = "enabled"
        case isForWholeBucket = "for_whole_bucket"
        case expireAfterDays = "expire_after_days"
        case expireOldVersionsAfterDays = "expire_old_versions_after_days"
    }

    public init(
        id: String, isEnabled: Bool = true, isForWholeBucket: Bool = true, expireAfterDays: Int? = nil,
        expireOldVersionsAfterDays: Int? = nil, definition: String = ""
    ) {
        self.id = id
        self.isEnabled = isEnabled
        self.isForWholeBucket = isForWholeBucket
        self.expireAfterDays = expireAfterDays
        self.expireOldVersionsAfterDays = expireOldVersionsAfterDays
        self.definition = definition
    }
}
