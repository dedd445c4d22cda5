import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite("RDS and CloudWatch against moto", .needsMoto) struct DatabaseAndAlarmTests {
        @Test("a database's groups are read and replaced")
        func database() async throws {
            let moto = try await Moto.shared()
            let names = try moto.python(
                """
                ec2, rds = client("ec2"), client("rds")
                vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
                one, two = (ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"] for n in "ab")
                rds.create_db_instance(
                    DBInstanceIdentifier="some-db", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
                    MasterUsername="u", MasterUserPassword="long enough", VpcSecurityGroupIds=[one])
                result = {"one": one, "two": two}
                """)
            let one = try #require(names["one"] as? String)
            let two = try #require(names["two"] as? String)
            try await AWSClient.with(try moto.settings(TestSurroundings())) { client in
                let rds = RDS(client: client)
                #expect(try await rds.databases("some-db").map(\.groups) == [[one]])
                try await rds.setGroups([two, one], ofDatabase: "some-db")
                #expect(try await rds.databases("some-db").map { Set($0.groups) } == [[one, two]])
                let error = await #expect(throws: AWSError.self) { try await rds.databases("no-db") }
                #expect(error?.code == "DBInstanceNotFound")
            }
        }

        @Test("an alarm is made, changed without losing what it has, and removed")
        func alarm() async throws {
            let moto = try await Moto.shared()
            try moto.python(
                """
                client("cloudwatch").put_metric_alarm(
                    AlarmName="db-connections", Namespace="AWS/RDS", MetricName="DatabaseConnections", Threshold=200,
                    Period=60, EvaluationPeriods=3, ComparisonOperator="GreaterThanThreshold", Statistic="Average",
                    Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "some-db"}], AlarmActions=["arn:aws:sns:x"])
                """)
            try await AWSClient.with(try moto.settings(TestSurroundings())) { client in
                let cloudWatch = CloudWatch(client: client)
                func alarm(_ name: String) async throws -> CloudWatch.Alarm? {
                    try await cloudWatch.alarms().first { $0.name == name }
                }
                try await cloudWatch.putAlarm(
                    ObservedAlarm(
                        name: "failed-ssh", namespace: "Security", metric: "FailedSSH", threshold: 5,
                        periodSeconds: 300,
                        actions: ["arn:aws:sns:us-east-1:1:ops"]), keeping: nil)
                let made = try #require(try await alarm("failed-ssh"))
                #expect(made.metric == "FailedSSH")
                #expect(made.threshold == 5)
                #expect(made.period == 300)
                #expect(made.actions?.all == ["arn:aws:sns:us-east-1:1:ops"])

                let before = try #require(try await alarm("db-connections"))
                var wanted = try #require(ObservedAlarm(before))
                wanted.threshold = 80.5
                wanted.statistic = "p99"
                try await cloudWatch.putAlarm(wanted, keeping: before)
                let changed = try #require(try await alarm("db-connections"))
                #expect(ObservedAlarm(changed) == wanted)
                #expect(changed.evaluationPeriods == 3)
                #expect(changed.dimensions?.all.map(\.value) == ["some-db"])
                #expect(changed.actions?.all == ["arn:aws:sns:x"])

                try await cloudWatch.deleteAlarm("failed-ssh")
                let gone = try await alarm("failed-ssh")
                #expect(gone == nil)
            }
        }
    }
}
