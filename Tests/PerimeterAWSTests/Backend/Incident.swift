import Perimeter
import TestSupport

@testable import PerimeterAWS

/// The incident in moto, and the perimeter file that mends it.
struct Incident {
    let moto: Moto
    let declaration: Declaration
    /// Ids of what was made: `vpc`, `shared`, `api`, `voice`, `bucket` and so on.
    let names: [String: String]

    /// A network of its own in the shared server.
    init() async throws {
        moto = try await Moto.shared()
        names = try moto.incident(hasOthers: true)
        guard let vpc = names["vpc"], let bucket = names["bucket"], let database = names["database"],
            let alarm = names["alarm"]
        else { throw Failure("the scene has no names") }
        declaration = try Declaration.parse(
            """
            admin: [203.0.113.7/32]
            never_cut_off: [203.0.113.7/32]
            provider:
              aws: {region: us-east-1, vpc: \(vpc), endpoint: "\(moto.url)"}
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
                  - {port: 8021, protocol: tcp, from: role:api, why: "ESL – both ways?"}
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
            """, file: "perimeter.yaml")
    }

    func with<Value>(_ run: (AWSPerimeter) async throws -> Value) async throws -> Value {
        guard let provider = declaration.provider.aws else { throw Failure("no provider") }
        let perimeter = try AWSPerimeter(
            provider,
            in: TestSurroundings().surroundings([
                "AWS_ACCESS_KEY_ID": moto.accessKeyID, "AWS_SECRET_ACCESS_KEY": moto.secretAccessKey,
            ]))
        do {
            let value = try await run(perimeter)
            try await perimeter.close()
            return value
        } catch {
            try await perimeter.close()
            throw error
        }
    }
}
