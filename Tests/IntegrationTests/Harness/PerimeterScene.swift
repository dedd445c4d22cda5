import Foundation
import TestSupport
import Testing

/// The incident in moto, in a network of its own, and a directory with the perimeter file that mends it.
final class PerimeterScene: Sendable {
    static let office = "203.0.113.7/32"

    let program: Program
    let moto: Moto
    /// Ids of what is there: see `Moto.incident`.
    let names: [String: String]

    /// - Parameters:
    ///   - moto: one of its own, where the test does something to it; otherwise a common one.
    ///   - build: makes the incident.
    init(
        _ moto: Moto? = nil, build: (Moto) async throws -> [String: String] = { try $0.incident(hasOthers: false) }
    ) async throws {
        let server = if let moto { moto } else { try await Moto.shared() }
        self.moto = server
        names = try await build(server)
        program = try Program()
        // Nobody's witness is told unless a test names one.
        try FileManager.default.removeItem(atPath: program.path("sallyport.yaml"))
        try program.write("perimeter.yaml", try Self.file(names, server.url))
    }

    var file: String { get throws { try text("perimeter.yaml") } }

    func text(_ name: String) throws -> String { try String(contentsOfFile: program.path(name), encoding: .utf8) }

    /// Another text in place of one that must be there.
    func edit(_ old: String, _ new: String) throws {
        let text = try file
        guard text.contains(old) else { throw Failure("the perimeter file has no '\(old)'") }
        try program.write("perimeter.yaml", text.replacingOccurrences(of: old, with: new))
    }

    var environment: [String: String] {
        [
            "AWS_ACCESS_KEY_ID": moto.accessKeyID, "AWS_SECRET_ACCESS_KEY": moto.secretAccessKey,
        ].merging(Self.nobodysEnvironment) { $1 }
    }

    /// Nothing of the operator's own, and nothing that asks the machine's cloud for credentials.
    static let nobodysEnvironment = [
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
        "AWS_ENDPOINT_URL": "",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
    ]

    /// Runs `sallyport perimeter …` to its end.
    /// - Parameter more: of the environment, added to what it needs.
    func run(_ arguments: String..., input: String = "", more: [String: String] = [:]) throws -> Outcome {
        try Child.run(
            Program.executable, ["perimeter"] + arguments, in: program.directory,
            environment: environment.merging(more) { $1 }, input: input)
    }

    /// Runs it, and expects an exit code.
    /// - Returns: its output.
    @discardableResult
    func run(_ arguments: String..., exits code: Int32, input: String = "") throws -> String {
        let outcome = try Child.run(
            Program.executable, ["perimeter"] + arguments, in: program.directory, environment: environment, input: input
        )
        guard outcome.code == code else {
            throw Failure(
                "perimeter \(arguments.joined(separator: " ")) exits with \(outcome.code), not \(code):\n\(outcome.output)\n"
                    + outcome.errors)
        }
        return outcome.output
    }

    /// What `audit --json` finds, each as `ID GROUP ROLE RULE`, sorted.
    func findings() throws -> [String] {
        let outcome = try run("audit", "--json")
        guard let object = outcome.json as? [String: Any], let found = object["findings"] as? [[String: Any]] else {
            throw Failure("audit prints no findings: \(outcome.output)\(outcome.errors)")
        }
        guard outcome.code == (found.isEmpty ? 0 : 2) else {
            throw Failure("audit has \(found.count) findings and exits with \(outcome.code)")
        }
        return found.map { finding in
            let words = [finding["id"] as? String, finding["group"] as? String, finding["role"] as? String]
            return (words.map { $0 ?? "-" } + [rule(finding["rule"])]).joined(separator: " ")
        }.sorted()
    }

    /// Expects that `audit` finds this, and nothing else.
    func finds(_ expected: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let found = try findings()
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    private func rule(_ value: Any?) -> String {
        guard let rule = value as? [String: Any], let transport = rule["protocol"] as? String,
            let from = rule["from_port"] as? Int, let source = rule["source"] as? String
        else { return "-" }
        return "\(transport) \(from) \(source)"
    }

    /// The rollback files there are, oldest first; the second of a second ends in `-2`.
    func rollbacks() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: program.directory)
        return names.filter { $0.hasPrefix("perimeter-rollback-") && $0.hasSuffix(".json") }
            .map { String($0.dropLast(5)) }.sorted().map { $0 + ".json" }
    }

    /// Where port 22 of a group is open to, as another client sees it.
    func ssh(_ group: String) throws -> Set<String> {
        let result = try moto.python(
            """
            found = client("ec2").describe_security_groups(Filters=[
                {"Name": "group-name", "Values": ["\(group)"]}, {"Name": "vpc-id", "Values": ["\(names["vpc"] ?? "")"]}])
            result = {"ssh": [
                source
                for permission in found["SecurityGroups"][0]["IpPermissions"] if permission.get("FromPort") == 22
                for source in [range["CidrIp"] for range in permission["IpRanges"]]
                + [range["CidrIpv6"] for range in permission["Ipv6Ranges"]]]}
            """)
        return Set(result["ssh"] as? [String] ?? [])
    }

    /// Opens port 22 of a group to both halves of IPv4.
    func openHalves(of group: String) throws {
        try moto.python(
            """
            ec2 = client("ec2")
            found = ec2.describe_security_groups(Filters=[
                {"Name": "group-name", "Values": ["\(group)"]}, {"Name": "vpc-id", "Values": ["\(names["vpc"] ?? "")"]}])
            ec2.authorize_security_group_ingress(
                GroupId=found["SecurityGroups"][0]["GroupId"], IpPermissions=[
                    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                     "IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]}])
            """)
    }

    private static func file(_ names: [String: String], _ url: String) throws -> String {
        guard let vpc = names["vpc"], let database = names["database"], let bucket = names["bucket"],
            let alarm = names["alarm"]
        else { throw Failure("the incident has no names: \(names)") }
        return """
            # Who may reach what.
            admin: [\(office)]         # the office
            never_cut_off: [\(office)] # the office, always

            provider:
              aws: {region: us-east-1, vpc: \(vpc), endpoint: "\(url)"}

            roles:
              api:
                group: prod-sg-api
                members: {tag: {Role: api}}
                allow:
                  - {port: 22, protocol: tcp, from: admin, why: SSH}
                  - {port: [80, 443], protocol: tcp, from: anywhere, why: HTTPS}
              freeswitch:
                group: prod-sg-freeswitch
                members: {tag: {Role: freeswitch}}
                allow:
                  - {port: 22, protocol: tcp, from: admin, why: SSH}
                  - {port: 5060, protocol: [tcp, udp], from: anywhere, why: SIP signaling}
                  - {port: 16384-32768, protocol: udp, from: anywhere, why: RTP media}
                  - {port: 8021, protocol: tcp, from: role:api, why: ESL}
              database:
                group: prod-sg-database
                members: {rds: [\(database)]}
                allow:
                  - {port: 5432, protocol: tcp, from: [role:api, role:freeswitch], why: PostgreSQL}

            private_ports: [8021, 5432]
            admin_ports: [22]

            buckets:
              - name: \(bucket)
                public_access: blocked
                encryption: AES256
                versioning: true
                expire_after: 90d
                expire_old_versions_after: 30d

            alarms:
              - {name: \(alarm), metric: FailedSSH, namespace: Security, threshold: 5, period: 5m}

            """
    }
}

extension PerimeterScene {
    /// All that `audit` has to say about the incident.
    var expectedFindings: [String] {
        let bucket = names["bucket"] ?? ""
        return [
            "admin-open-to-world prod-sg api tcp 22 0.0.0.0/0",
            "admin-open-to-world prod-sg api tcp 22 ::/0",
            "admin-open-to-world prod-sg freeswitch tcp 22 0.0.0.0/0",
            "admin-open-to-world prod-sg freeswitch tcp 22 ::/0",
            "admin-wider-than-declared prod-sg-database database all 0 10.0.0.0/16",
            "alarm-missing \(names["alarm"] ?? "") - -",
            "bucket-lifecycle \(bucket) - -",
            "bucket-public \(bucket) - -",
            "bucket-unencrypted \(bucket) - -",
            "bucket-unversioned \(bucket) - -",
            "group-shared prod-sg - -",
            "port-undeclared prod-sg freeswitch tcp 80 0.0.0.0/0",
            "port-undeclared prod-sg freeswitch tcp 443 0.0.0.0/0",
            "port-undeclared prod-sg-database database all 0 10.0.0.0/16",
            "private-port-exposed prod-sg api tcp 8021 0.0.0.0/0",
            "private-port-exposed prod-sg freeswitch tcp 8021 0.0.0.0/0",
            "private-port-exposed prod-sg-database database all 0 10.0.0.0/16",
            "private-port-exposed prod-sg-database database tcp 5432 group:prod-sg",
            "reference-missing prod-sg-api api -",
            "reference-missing prod-sg-freeswitch freeswitch -",
            "rule-missing prod-sg-database database tcp 5432 group:prod-sg-api",
            "rule-missing prod-sg-database database tcp 5432 group:prod-sg-freeswitch",
            "sip-on-other-role prod-sg api tcp 5060 0.0.0.0/0",
            "sip-on-other-role prod-sg api udp 16384 0.0.0.0/0",
            "sip-on-other-role prod-sg api udp 5060 0.0.0.0/0",
            "sip-on-other-role prod-sg-database database all 0 10.0.0.0/16",
        ].sorted()
    }
}
