internal import Perimeter

extension AWSPerimeter {
    func buckets(_ names: [String]) async throws(AWSError) -> [ObservedBucket] {
        var buckets: [ObservedBucket] = []
        for name in names { buckets.append(try await bucket(name)) }
        return buckets
    }

    /// Part by part: one that these credentials may not read is told as such, and doesn't hide the others.
    func bucket(_ name: String) async throws(AWSError) -> ObservedBucket {
        var bucket = ObservedBucket(name: name)
        do {
            guard try await s3.isThere(name) else { return ObservedBucket(name: name, exists: false) }
        } catch {
            // Another account's, or in another region: it is there, and nothing of it can be read from here.
            guard error.status == 403 || error.status == 301 else { throw error }
            for part in ObservedBucket.Part.allCases { bucket.unreadable[part] = error.reason }
            return bucket
        }
        do { bucket.publicAccessBlocked = try await s3.publicAccessBlock(name) } catch {
            try bucket.note(error, .publicAccess)
        }
        do { bucket.encryption = try await s3.encryption(name) } catch { try bucket.note(error, .encryption) }
        do { bucket.versioning = try await s3.versioning(name) } catch { try bucket.note(error, .versioning) }
        do { bucket.lifecycle = try await s3.lifecycle(name).rules.map(LifecycleRule.init) } catch {
            try bucket.note(error, .lifecycle)
        }
        return bucket
    }
}

extension ObservedBucket {
    /// - Throws: what is no refusal: the network's trouble is not the bucket's state.
    fileprivate mutating func note(_ error: AWSError, _ part: Part) throws(AWSError) {
        guard error.status == 403 else { throw error }
        unreadable[part] = error.reason
    }
}

extension AWSError {
    /// Without what is another one in each answer: views of the same state are compared.
    fileprivate var reason: String { "\(message) (\(code))\(advice.map { ": \($0)" } ?? "")" }
}
