internal import Perimeter

/// A bucket's lifecycle rules, as they came.
struct Lifecycle: Hashable, Sendable {
    /// Elements `Rule`.
    var rules: [XMLTree]
    /// A setting beside the rules, which goes back to its default unless it is told again.
    var smallestTransition: String?

    static let absent = "NoSuchLifecycleConfiguration"
}

extension LifecycleRule {
    /// A rule of S3's, with all that is in it as its definition.
    init(_ tree: XMLTree) {
        let old = tree.child("NoncurrentVersionExpiration")
        self.init(
            id: tree.text("ID") ?? "", isEnabled: tree.text("Status") == "Enabled",
            isForWholeBucket: Self.isForAll(tree),
            expireAfterDays: tree.text("Expiration", "Days").flatMap { Int($0) },
            // Where some old versions are kept whatever their age, not all of them expire.
            expireOldVersionsAfterDays: old?.child("NewerNoncurrentVersions") == nil
                ? old?.text("NoncurrentDays").flatMap { Int($0) } : nil,
            definition: tree.element)
    }

    private static func isForAll(_ rule: XMLTree) -> Bool {
        if let prefix = rule.text("Prefix"), !prefix.isEmpty { return false }
        guard let filter = rule.child("Filter") else { return true }
        return filter.children.allSatisfy { $0.name == "Prefix" && $0.text.isEmpty }
    }

    /// The rule as S3 is told it: by its definition where it has one, else made of its parts.
    func tree() throws(AWSError) -> XMLTree {
        guard definition.isEmpty else {
            guard let tree = XMLTree.read(Array(definition.utf8)), tree.name == "Rule" else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "the definition of lifecycle rule '\(id)' is no element Rule",
                    place: "s3 PutBucketLifecycleConfiguration", advice: "make a new plan")
            }
            return tree
        }
        var parts = [
            XMLTree("ID", text: id), XMLTree("Filter", [XMLTree("Prefix")]),
            XMLTree("Status", text: isEnabled ? "Enabled" : "Disabled"),
        ]
        guard isForWholeBucket else {
            throw AWSError(
                code: AWSError.Code.badSettings, "lifecycle rule '\(id)' says not which objects it concerns",
                place: "s3 PutBucketLifecycleConfiguration", advice: "make a new plan")
        }
        if let days = expireAfterDays { parts.append(XMLTree("Expiration", [XMLTree("Days", text: String(days))])) }
        if let days = expireOldVersionsAfterDays {
            parts.append(XMLTree("NoncurrentVersionExpiration", [XMLTree("NoncurrentDays", text: String(days))]))
        }
        return XMLTree("Rule", parts)
    }
}
