import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// Each change is carried out twice: what is done already counts as done.
    @Suite("Changes of buckets and alarms, against moto", .needsMoto) struct SettingChangeTests {
        private static func twice(_ perimeter: AWSPerimeter, _ change: Change) async throws {
            try await perimeter.carryOut(change)
            try await perimeter.carryOut(change)
        }

        @Test("a lifecycle rule that another hand has made since the plan stays")
        func lifecycle() async throws {
            let incident = try await Incident()
            let bucket = incident.names["bucket"] ?? ""
            try await incident.with { perimeter in
                let own = LifecycleRule(id: LifecycleRule.ownID, expireAfterDays: 90, expireOldVersionsAfterDays: 30)
                let planned = Change.setLifecycle(bucket: bucket, from: [], to: [own])
                try incident.moto.python(
                    """
                    client("s3").put_bucket_lifecycle_configuration(Bucket="\(bucket)", LifecycleConfiguration={"Rules": [
                        {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
                         "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}]})
                    """)
                let theirs = try await perimeter.bucket(bucket).lifecycle
                try await Self.twice(perimeter, planned)
                let both = try await perimeter.bucket(bucket).lifecycle
                #expect(both.first == theirs.first)
                #expect(both.map(\.id) == ["theirs", LifecycleRule.ownID])
                #expect(both.last?.expireAfterDays == 90)

                var shorter = own
                shorter.expireAfterDays = 30
                try await Self.twice(perimeter, .setLifecycle(bucket: bucket, from: both, to: theirs + [shorter]))
                let changed = try await perimeter.bucket(bucket).lifecycle
                #expect(changed.map(\.expireAfterDays) == [nil, 30])
                try await Self.twice(perimeter, planned.inverse)
                let left = try await perimeter.bucket(bucket).lifecycle
                #expect(left == theirs)
            }
        }

        @Test("public access, encryption and versioning are set, and put back as far as S3 lets")
        func bucket() async throws {
            let incident = try await Incident()
            let bucket = incident.names["bucket"] ?? ""
            let changes: [Change] = [
                .blockPublicAccess(bucket: bucket, from: nil, to: .everything),
                .encrypt(bucket: bucket, from: nil, to: "aws:kms"),
                .setVersioning(bucket: bucket, from: .off, to: .enabled),
            ]
            try await incident.with { perimeter in
                for change in changes { try await Self.twice(perimeter, change) }
                let set = try await perimeter.bucket(bucket)
                #expect(set.publicAccessBlocked == .everything)
                #expect(set.encryption == "aws:kms")
                #expect(set.versioning == .enabled)
                for change in changes { try await Self.twice(perimeter, change.inverse) }
                let back = try await perimeter.bucket(bucket)
                #expect(back.publicAccessBlocked == nil)
                #expect(back.encryption == nil)
                #expect(back.versioning == .suspended)
                let error = await #expect(throws: AWSError.self) {
                    try await perimeter.carryOut(.setVersioning(bucket: bucket, from: .suspended, to: .off))
                }
                #expect(error?.message == "versioning that was on once can be suspended, but not be off")
            }
        }

        @Test("an alarm is made, changed, and taken away")
        func alarm() async throws {
            let incident = try await Incident()
            let name = incident.names["alarm"] ?? ""
            let made = ObservedAlarm(
                name: name, namespace: "Security", metric: "FailedSSH", threshold: 5, periodSeconds: 300,
                actions: ["arn:aws:sns:us-east-1:1:ops"])
            var changed = made
            changed.threshold = 3
            changed.dimensions = ["Host": "edge"]
            try await incident.with { perimeter in
                for (from, to) in [(nil, made), (made, changed), (changed, nil)] {
                    try await Self.twice(perimeter, .setAlarm(name, from: from, to: to))
                    let seen = try await perimeter.observe(incident.declaration).alarms
                    #expect(seen == [to].compactMap { $0 })
                }
            }
        }
    }
}
