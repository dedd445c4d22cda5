import Foundation
import Testing

@testable import Perimeter

@Suite struct ExportTests {
    static func declaration() throws -> Declaration {
        try Declaration.parse(
            """
            admin: [203.0.113.7/32]
            provider: {aws: {region: eu-central-1, vpc: vpc-1}}
            roles:
              api:
                group: prod-api
                allow:
                  - {port: 443, protocol: tcp, from: anywhere, why: 'say "${hi}"'}
                  - {protocol: icmp, from: admin}
                  - {protocol: all, from: [group:bastion, "group:sg-0abc", "prefix-list:pl-1"]}
              9db:
                group: sg-0db
                allow: [{port: 5432, protocol: tcp, from: role:api, why: PostgreSQL}]
            """, file: "p.yaml")
    }

    @Test("groups as resources, with what they let out")
    func groupsAsResources() throws {
        let text = TerraformExport(try Self.declaration(), groups: .resource).text
        let expected = [
            #"""
            provider "aws" {
              region = "eu-central-1"
            }
            """#,
            #"""
            resource "aws_security_group" "api" {
              name        = "prod-api"
              description = "What may reach role api"
              vpc_id      = "vpc-1"
              tags = {
                "Name" = "prod-api"
              }
            }

            resource "aws_vpc_security_group_egress_rule" "api" {
              security_group_id = aws_security_group.api.id
              ip_protocol       = "-1"
              cidr_ipv4         = "0.0.0.0/0"
            }
            """#,
            #"""
            data "aws_security_group" "bastion" {
              name   = "bastion"
              vpc_id = "vpc-1"
            }
            """#,
            #"""
            resource "aws_vpc_security_group_ingress_rule" "api_tcp_443_0_0_0_0_0" {
              security_group_id = aws_security_group.api.id
              description       = "say -$${hi}-"
              ip_protocol       = "tcp"
              from_port         = 443
              to_port           = 443
              cidr_ipv4         = "0.0.0.0/0"
            }
            """#,
            #"""
            resource "aws_vpc_security_group_ingress_rule" "api_icmp_0-65535_203_0_113_7_32" {
              security_group_id = aws_security_group.api.id
              ip_protocol       = "icmp"
              from_port         = -1
              to_port           = -1
              cidr_ipv4         = "203.0.113.7/32"
            }
            """#,
            #"""
              ip_protocol                  = "-1"
              referenced_security_group_id = data.aws_security_group.bastion.id
            """#,
            #"  referenced_security_group_id = "sg-0abc""#, #"prefix_list_id    = "pl-1""#,
            #"resource "aws_vpc_security_group_ingress_rule" "_9db_tcp_5432_group_prod-api" {"#,
            #"  referenced_security_group_id = aws_security_group.api.id"#, #"  cidr_ipv6         = "::/0""#,
        ]
        for part in expected { #expect(text.contains(part), "\(part) in \(text)") }
    }

    @Test("groups that are there are looked up")
    func groupsLookedUp() throws {
        let text = TerraformExport(try Self.declaration(), groups: .data, isStandalone: false).text
        #expect(
            !text.contains("resource \"aws_security_group\"") && !text.contains("egress") && !text.contains("provider"))
        #expect(text.contains("data \"aws_security_group\" \"_9db\" {\n  id = \"sg-0db\"\n}"))
        #expect(text.contains("security_group_id            = data.aws_security_group._9db.id"))
    }

    @Test("what is there as declared is imported, all of it, and nothing is made")
    func importsWhatIsThere() throws {
        let declared = try Examples.declaration()
        let state = try Examples.declaredState()
        let text = TerraformExport(declared, state, groups: .resource).text
        let blocks = text.components(separatedBy: "\n\n")
        let resources = blocks.filter { $0.hasPrefix("resource ") }
        let imports = blocks.filter { $0.hasPrefix("import ") }
        let rules = declared.roles.flatMap(declared.rules(of:))
        #expect(resources.count == rules.count + declared.roles.count)
        #expect(imports.count == resources.count)
        for group in state.groups where !group.isDefault {
            #expect(text.contains(#"id = "\#(group.id)""#))
            for rule in group.ingress { #expect(text.contains(#"id = "\#(rule.id)""#)) }
        }
        let names = resources.compactMap { $0.split(separator: "\n").first }
        #expect(Set(names).count == names.count)
    }

    @Test(
        "Terraform reads it, and would not format it otherwise",
        .enabled(if: Judge.terraform != nil, "terraform is not installed"), arguments: TerraformExport.Groups.allCases)
    func terraformReads(groups: TerraformExport.Groups) throws {
        let program = try #require(Judge.terraform)
        for text in [
            TerraformExport(try Self.declaration(), groups: groups).text,
            TerraformExport(try Examples.declaration(), try Examples.declaredState(), groups: groups).text,
        ] {
            let formatted = try Judge.run(program, ["fmt", "-"], input: text)
            #expect(formatted.status == 0 && formatted.output == text)
            let broken = try Judge.run(program, ["fmt", "-"], input: text + "}")
            #expect(broken.status != 0)
        }
    }

    @Test(
        "text is never a template",
        arguments: [
            ("a", #""a""#), (#"a"b\c"#, #""a\"b\\c""#), ("${x}", #""$${x}""#), ("%{if}", #""%%{if}""#),
            ("$ {x}", #""$ {x}""#), ("a\nb", #""a?b""#),
        ])
    func neverTemplate(text: String, quoted: String) {
        #expect(TerraformExport.quoted(text) == quoted)
    }

    @Test("changes cost what their list prices say, and groups nothing")
    func changesCost() throws {
        let plan = Plan.make(try Examples.declaration(), try Examples.incident(), today: Examples.today)
        let cost = Cost(of: plan.changes)
        #expect(
            cost.text == """
                security groups                   0.00 USD  \(plan.changes.count - 7) changes; groups and rules cost nothing
                alarm failed-ssh                  0.10 USD  a new alarm
                alarm api-errors                  0.10 USD  a new alarm
                alarm db-connections              0.10 USD  a new alarm
                versions of prod-recordings       depends   0.023 USD a month for each GiB of old versions, until they expire
                encryption of prod-recordings     0.00 USD  by S3's own keys, which cost nothing
                lifecycle of prod-recordings      0.00 USD  expiry costs nothing, and frees storage
                public access of prod-recordings  0.00 USD  costs nothing

                Together 0.30 USD a month, and what depends on how much there is: list prices of us-east-1 on 2025-06-01.

                """)
        let back = Cost(of: plan.changes.map(\.inverse))
        #expect(Cost.dollars(back.total) == "-0.30 USD")
        #expect(Cost(of: []).text == "Nothing to change, nothing to pay.\n")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(try cost.json().utf8)) as? [String: Any])
        #expect(object["priced_on"] as? String == "2025-06-01")
        #expect((object["lines"] as? [Any])?.count == 8)
    }

    @Test(
        "a fast alarm costs more",
        arguments: [(30, 60, -0.2), (60, 30, 0.2), (300, 60, 0)])
    func fastAlarmCostsMore(before: Int, after: Int, price: Double) {
        let alarm = { (period: Int) in
            ObservedAlarm(name: "a", namespace: "n", metric: "m", threshold: 1, periodSeconds: period)
        }
        let cost = Cost(of: [.setAlarm("a", from: alarm(before), to: alarm(after))])
        #expect(abs(cost.total - price) < 1e-9)
    }
}
