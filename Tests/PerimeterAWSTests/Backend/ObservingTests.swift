import CoreTypes
import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite("What is there, against moto", .needsMoto) struct ObservingTests {
        @Test("groups, rules and who carries them are seen")
        func groups() async throws {
            let incident = try await Incident()
            let seen = try await incident.with { try await $0.observe(incident.declaration) }
            let names = incident.names
            let shared = try #require(seen.group(names["shared"] ?? ""))
            #expect(shared.name == "prod-sg")
            #expect(shared.description == "both servers")
            #expect(shared.vpc == names["vpc"])
            #expect(
                shared.ingress.map { "\($0.rule)" } == [
                    "tcp 22 from 0.0.0.0/0", "tcp 22 from ::/0", "tcp 80 from 0.0.0.0/0", "tcp 443 from 0.0.0.0/0",
                    "tcp 5060 from 0.0.0.0/0", "tcp 8021 from 0.0.0.0/0", "udp 5060 from 0.0.0.0/0",
                    "udp 16384-32768 from 0.0.0.0/0",
                ])
            #expect(shared.ingress.allSatisfy { $0.id.hasPrefix("sgr-") })
            #expect(shared.ingress.first?.description == "SSH")
            #expect(shared.ingress.last?.description == "")
            #expect(Set(shared.usedBy) == Set([names["api"], names["voice"], names["alone"]].compactMap { $0 }))
            let database = try #require(seen.group("prod-sg-database"))
            #expect(
                database.ingress.map { "\($0.rule)" } == [
                    "tcp 5432 from group:\(names["shared"] ?? "")", "all from 10.0.0.0/16",
                ])
            #expect(database.usedBy == [names["database"] ?? ""])
            #expect(seen.groups.filter(\.isDefault).map(\.name) == ["default"])
        }

        @Test("members are the living instances, other interfaces, and the databases that are named")
        func members() async throws {
            let incident = try await Incident()
            let seen = try await incident.with { try await $0.observe(incident.declaration) }
            let names = incident.names
            #expect(seen.members.count == 4)
            let api = try #require(seen.members.first { $0.id == names["api"] })
            #expect(api.kind == .instance)
            #expect(api.name == "prod-api")
            #expect(api.tags["Role"] == "api")
            #expect(api.groups == [names["shared"] ?? ""])
            #expect(api.addresses.contains { $0.description.hasPrefix("10.0.1.") && $0.prefixLength == 32 })
            let alone = seen.members.first { $0.kind == .interface }
            #expect(alone?.id == names["alone"])
            #expect(alone?.name == "ELB app/x")
            let database = seen.members.first { $0.kind == .rds }
            #expect(database?.id == names["database"])
            #expect(database?.groups == [names["private"] ?? ""])
        }

        @Test("buckets and alarms are seen as far as the file names them")
        func bucketsAndAlarms() async throws {
            let incident = try await Incident()
            let before = try await incident.with { try await $0.observe(incident.declaration) }
            #expect(before.buckets == [ObservedBucket(name: incident.names["bucket"] ?? "")])
            #expect(before.alarms.isEmpty)
            try incident.moto.python(
                """
                client("s3").put_bucket_encryption(Bucket="\(incident.names["bucket"] ?? "")", ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]})
                client("cloudwatch").put_metric_alarm(
                    AlarmName="\(incident.names["alarm"] ?? "")", Namespace="Security", MetricName="FailedSSH", Threshold=5,
                    Period=300, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Statistic="Sum")
                """)
            let after = try await incident.with { try await $0.observe(incident.declaration) }
            #expect(after.buckets.map(\.encryption) == ["aws:kms"])
            #expect(
                after.alarms == [
                    ObservedAlarm(
                        name: incident.names["alarm"] ?? "", namespace: "Security", metric: "FailedSSH", threshold: 5,
                        periodSeconds: 300)
                ])
        }

        @Test("a prefix list that a rule refers to comes with its networks")
        func prefixLists() async throws {
            let incident = try await Incident()
            let made = try incident.moto.python(
                """
                ec2 = client("ec2")
                made = ec2.create_managed_prefix_list(
                    PrefixListName="trunks", MaxEntries=5, AddressFamily="IPv4",
                    Entries=[{"Cidr": "198.51.100.0/24"}, {"Cidr": "192.0.2.7/32"}])["PrefixList"]["PrefixListId"]
                ec2.authorize_security_group_ingress(GroupId="\(incident.names["shared"] ?? "")", IpPermissions=[
                    {"IpProtocol": "udp", "FromPort": 5060, "ToPort": 5060, "PrefixListIds": [{"PrefixListId": made}]}])
                result = {"id": made}
                """)
            let id = try #require(made["id"] as? String)
            let seen = try await incident.with { try await $0.observe(incident.declaration) }
            #expect(seen.prefixLists.keys.sorted() == [id])
            #expect(Set(seen.prefixLists[id]?.map(\.description) ?? []) == ["198.51.100.0/24", "192.0.2.7/32"])
        }

        @Test("a network that is not there is said, not seen as empty")
        func noNetwork() async throws {
            let incident = try await Incident()
            var elsewhere = incident.declaration.provider.aws ?? Declaration.AWS()
            elsewhere.vpc = "vpc-0123456789abcdef0"
            let perimeter = try AWSPerimeter(
                elsewhere,
                in: TestSurroundings().surroundings([
                    "AWS_ACCESS_KEY_ID": incident.moto.accessKeyID,
                    "AWS_SECRET_ACCESS_KEY": incident.moto.secretAccessKey,
                ]))
            let error = await #expect(throws: AWSError.self) { try await perimeter.observe(incident.declaration) }
            try await perimeter.close()
            #expect(
                error.map { ["Missing", "InvalidVpcID.NotFound"].contains($0.code) } == true,
                "\(error?.description ?? "")")
        }
    }
}
