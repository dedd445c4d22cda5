internal import Perimeter

/// Changes of buckets and alarms.
extension AWSPerimeter {
    func blockPublicAccess(_ bucket: String, _ block: PublicAccessBlock?) async throws(AWSError) {
        guard try await s3.publicAccessBlock(bucket) != block else { return }
        try await s3.setPublicAccessBlock(block, of: bucket)
        try await settled("s3 PutPublicAccessBlock \(bucket)", "public access is as planned") { () throws(AWSError) in
            try await s3.publicAccessBlock(bucket) == block ? () : nil
        }
    }

    func encrypt(_ bucket: String, _ algorithm: String?) async throws(AWSError) {
        guard try await s3.encryption(bucket) != algorithm else { return }
        try await s3.setEncryption(algorithm, of: bucket)
        try await settled("s3 PutBucketEncryption \(bucket)", "encryption is as planned") { () throws(AWSError) in
            let seen = try await s3.encryption(bucket)
            // S3 encrypts by itself where nothing is set, and says so.
            return seen == algorithm || (algorithm == nil && seen == "AES256") ? () : nil
        }
    }

    func setVersioning(_ bucket: String, _ versioning: ObservedBucket.Versioning) async throws(AWSError) {
        guard try await s3.versioning(bucket) != versioning else { return }
        guard versioning != .off else {
            throw AWSError(
                code: AWSError.Code.badSettings, "versioning that was on once can be suspended, but not be off",
                place: "s3 PutBucketVersioning \(bucket)", advice: "make a new plan")
        }
        try await s3.setVersioning(versioning == .enabled, of: bucket)
        try await settled("s3 PutBucketVersioning \(bucket)", "versioning is \(versioning.rawValue)") {
            () throws(AWSError) in try await s3.versioning(bucket) == versioning ? () : nil
        }
    }

    /// Takes our own rule from `rules`, and the others as they are now: S3 replaces all at once, and another hand may have
    /// changed its own since the plan was made.
    func setLifecycle(_ bucket: String, _ rules: [LifecycleRule]) async throws(AWSError) {
        func isOwn(_ rule: XMLTree) -> Bool { rule.text("ID") == LifecycleRule.ownID }
        let before = try await s3.lifecycle(bucket)
        let own = rules.filter { $0.id == LifecycleRule.ownID }
        var wanted = before
        wanted.rules.removeAll(where: isOwn)
        for rule in own { wanted.rules.append(try rule.tree()) }
        func isDone(_ seen: Lifecycle) -> Bool {
            let (theirs, ours) = (seen.rules.filter { !isOwn($0) }, seen.rules.filter(isOwn).map(LifecycleRule.init))
            return theirs == wanted.rules.filter { !isOwn($0) } && ours.map(\.effect) == own.map(\.effect)
        }
        guard !isDone(before) else { return }
        try await s3.setLifecycle(wanted, of: bucket)
        try await settled("s3 PutBucketLifecycleConfiguration \(bucket)", "the lifecycle is as planned") {
            () throws(AWSError) in isDone(try await s3.lifecycle(bucket)) ? () : nil
        }
    }

    /// - Parameter wanted: nil removes the alarm.
    func setAlarm(_ name: String, _ wanted: ObservedAlarm?) async throws(AWSError) {
        func alarm() async throws(AWSError) -> CloudWatch.Alarm? {
            try await cloudWatch.alarms().first { $0.name == name }
        }
        let before = try await alarm()
        guard let wanted else {
            guard before != nil else { return }
            try await cloudWatch.deleteAlarm(name)
            return try await settled("cloudwatch DeleteAlarms", "alarm '\(name)' is gone") { () throws(AWSError) in
                try await alarm() == nil ? () : nil
            }
        }
        if let before, ObservedAlarm(before) == wanted { return }
        try await cloudWatch.putAlarm(wanted, keeping: before)
        try await settled("cloudwatch PutMetricAlarm", "alarm '\(name)' is as planned") { () throws(AWSError) in
            try await alarm().flatMap(ObservedAlarm.init) == wanted ? () : nil
        }
    }
}

extension LifecycleRule {
    /// What a rule does, whichever way it is written.
    fileprivate var effect: LifecycleRule {
        LifecycleRule(
            id: id, isEnabled: isEnabled, isForWholeBucket: isForWholeBucket, expireAfterDays: expireAfterDays,
            expireOldVersionsAfterDays: expireOldVersionsAfterDays)
    }
}
