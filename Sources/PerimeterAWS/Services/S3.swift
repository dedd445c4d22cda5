internal import Crypto
internal import Foundation
internal import Perimeter

/// S3's operations on a bucket's settings.
struct S3: Sendable {
    let client: AWSClient

    /// Whether a bucket is there and ours to read.
    func isThere(_ bucket: String) async throws(AWSError) -> Bool {
        let answer = try await send("HeadBucket", "HEAD", bucket, nil, isExpected: { $0 == 404 })
        return answer.status != 404
    }

    // MARK: Public access

    /// - Returns: nil when nothing is blocked.
    func publicAccessBlock(_ bucket: String) async throws(AWSError) -> PublicAccessBlock? {
        let tree = try await setting(
            "GetPublicAccessBlock", bucket, "publicAccessBlock", absent: "NoSuchPublicAccessBlockConfiguration")
        guard let tree else { return nil }
        func isOn(_ name: String) -> Bool { tree.text(name) == "true" }
        return PublicAccessBlock(
            blockPublicACLs: isOn("BlockPublicAcls"), ignorePublicACLs: isOn("IgnorePublicAcls"),
            blockPublicPolicy: isOn("BlockPublicPolicy"), restrictPublicBuckets: isOn("RestrictPublicBuckets"))
    }

    /// - Parameter block: nil removes it.
    func setPublicAccessBlock(_ block: PublicAccessBlock?, of bucket: String) async throws(AWSError) {
        guard let block else {
            _ = try await send("DeletePublicAccessBlock", "DELETE", bucket, "publicAccessBlock")
            return
        }
        func part(_ name: String, _ isOn: Bool) -> XMLTree { XMLTree(name, text: isOn ? "true" : "false") }
        try await put(
            "PutPublicAccessBlock", bucket, "publicAccessBlock",
            XMLTree(
                "PublicAccessBlockConfiguration",
                [
                    part("BlockPublicAcls", block.blockPublicACLs), part("IgnorePublicAcls", block.ignorePublicACLs),
                    part("BlockPublicPolicy", block.blockPublicPolicy),
                    part("RestrictPublicBuckets", block.restrictPublicBuckets),
                ]))
    }

    // MARK: Encryption

    /// The algorithm, such as `AES256` or `aws:kms`; nil when there is none.
    func encryption(_ bucket: String) async throws(AWSError) -> String? {
        let tree = try await setting(
            "GetBucketEncryption", bucket, "encryption", absent: "ServerSideEncryptionConfigurationNotFoundError")
        return tree?.child("Rule")?.text("ApplyServerSideEncryptionByDefault", "SSEAlgorithm")
    }

    /// - Parameter algorithm: nil removes the setting; S3 then encrypts by its own default, AES256.
    func setEncryption(_ algorithm: String?, of bucket: String) async throws(AWSError) {
        guard let algorithm else {
            _ = try await send("DeleteBucketEncryption", "DELETE", bucket, "encryption")
            return
        }
        let rule = XMLTree(
            "Rule", [XMLTree("ApplyServerSideEncryptionByDefault", [XMLTree("SSEAlgorithm", text: algorithm)])])
        try await put(
            "PutBucketEncryption", bucket, "encryption", XMLTree("ServerSideEncryptionConfiguration", [rule]))
    }

    // MARK: Versioning

    func versioning(_ bucket: String) async throws(AWSError) -> ObservedBucket.Versioning {
        switch try await setting("GetBucketVersioning", bucket, "versioning", absent: nil)?.text("Status") {
        case "Enabled": .enabled
        case "Suspended": .suspended
        default: .off
        }
    }

    /// Once on it can be suspended, but not be off again.
    func setVersioning(_ isOn: Bool, of bucket: String) async throws(AWSError) {
        let status = XMLTree("Status", text: isOn ? "Enabled" : "Suspended")
        try await put("PutBucketVersioning", bucket, "versioning", XMLTree("VersioningConfiguration", [status]))
    }

    // MARK: Lifecycle

    private static let transitionField = "x-amz-transition-default-minimum-object-size"

    func lifecycle(_ bucket: String) async throws(AWSError) -> Lifecycle {
        let answer = try await get("GetBucketLifecycleConfiguration", bucket, "lifecycle", absent: Lifecycle.absent)
        guard let answer else { return Lifecycle(rules: []) }
        return Lifecycle(
            rules: answer.tree.children.filter { $0.name == "Rule" }, smallestTransition: answer.transition)
    }

    /// Replaces all rules.
    func setLifecycle(_ lifecycle: Lifecycle, of bucket: String) async throws(AWSError) {
        if lifecycle.rules.isEmpty {
            _ = try await send("DeleteBucketLifecycle", "DELETE", bucket, "lifecycle")
            return
        }
        let fields = lifecycle.smallestTransition.map { [ServiceRequest.Pair(Self.transitionField, $0)] } ?? []
        try await put(
            "PutBucketLifecycleConfiguration", bucket, "lifecycle",
            XMLTree("LifecycleConfiguration", lifecycle.rules), fields)
    }

    // MARK: Sending

    private static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

    private func put(
        _ what: String, _ bucket: String, _ name: String, _ tree: XMLTree, _ fields: [ServiceRequest.Pair] = []
    ) async throws(AWSError) {
        var tree = tree
        tree.attributes["xmlns"] = Self.namespace
        let body = tree.document
        // S3 wants a checksum of its own with these, beside the one that is signed.
        let checksum = Data(SHA256.hash(data: body)).base64EncodedString()
        _ = try await send(
            what, "PUT", bucket, name,
            fields + [.init("Content-Type", "application/xml"), .init("x-amz-checksum-sha256", checksum)], body)
    }

    private func setting(
        _ what: String, _ bucket: String, _ name: String, absent: String?
    ) async throws(AWSError) -> XMLTree? {
        try await get(what, bucket, name, absent: absent)?.tree
    }

    private func get(
        _ what: String, _ bucket: String, _ name: String, absent: String?
    ) async throws(AWSError) -> (tree: XMLTree, transition: String?)? {
        let answer: HTTPExchange.Answer
        do {
            answer = try await send(what, "GET", bucket, name)
        } catch {
            if error.code == absent { return nil }
            throw error
        }
        guard let tree = XMLTree.read(answer.body), tree.attributes["xmlns"] == Self.namespace else {
            throw AWSError(
                code: AWSError.Code.badAnswer, "the answer is no XML of S3's", place: "s3 \(what)", fault: .service,
                advice: "check the endpoint and the way to it")
        }
        return (tree, answer.field(Self.transitionField))
    }

    private func send(
        _ what: String, _ method: String, _ bucket: String, _ name: String?, _ fields: [ServiceRequest.Pair] = [],
        _ body: [UInt8] = [], isExpected: (Int) -> Bool = { _ in false }
    ) async throws(AWSError) -> HTTPExchange.Answer {
        guard Self.isName(bucket) else {
            throw AWSError(
                code: AWSError.Code.badSettings, "'\(bucket)' is no name of a bucket", place: "s3 \(what)",
                advice: "3 to 63 lower-case letters, digits, dots and hyphens")
        }
        let address = try client.settings.address(of: .s3)
        // A certificate for *.s3.REGION.amazonaws.com is good for names without dots.
        let isInHost = address.isUsual && !bucket.contains(".")
        let request = ServiceRequest(
            method: method, host: isInHost ? "\(bucket).\(address.host)" : address.host,
            path: isInHost ? "/" : "\(address.path)/\(bucket)", query: name.map { [.init($0, "")] } ?? [],
            headers: fields, body: body)
        do {
            return try await client.send(
                .s3, "\(what) \(bucket)", request, scheme: address.scheme, isExpected: isExpected)
        } catch {
            // Of another region it is known where it is.
            guard error.status == 403, error.advice == nil || error.advice == AWSError.advice(for: "AccessDenied")
            else {
                throw error
            }
            throw AWSError(
                code: error.code, error.message, place: error.place, requestID: error.requestID, status: error.status,
                fault: error.fault, advice: "the bucket is another account's, or these credentials may not s3:\(what)")
        }
    }

    private static func isName(_ bucket: String) -> Bool {
        (3...63).contains(bucket.utf8.count)
            && bucket.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
            } && !bucket.hasPrefix(".") && !bucket.hasPrefix("-")
    }
}
