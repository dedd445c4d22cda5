internal import CoreTypes

/// The declared groups and their rules as text for Terraform with its AWS provider, version 5 or later.
///
/// Each rule is an `aws_vpc_security_group_ingress_rule` of its own, so that rules made by others in a group are not
/// Terraform's. Buckets and alarms are not exported.
public struct TerraformExport: Sendable {
    public enum Groups: String, Sendable, CaseIterable {
        /// Terraform makes and owns them.
        case resource
        /// They are there, and Terraform looks them up.
        case data
    }

    private let declared: Declaration
    private let observed: Observation
    private let groups: Groups
    private let isStandalone: Bool
    private var names = TerraformNames()

    /// - Parameters:
    ///   - observed: what is there already. Groups that Terraform is to own and rules get `import` blocks with their ids
    ///     (Terraform 1.5 or later), so that a plan finds nothing to do where everything is as declared.
    ///   - isStandalone: with the blocks that name provider and region, for a directory with nothing else in it.
    public init(
        _ declared: Declaration, _ observed: Observation = Observation(), groups: Groups, isStandalone: Bool = true
    ) {
        self.declared = declared
        self.observed = observed
        self.groups = groups
        self.isStandalone = isStandalone
    }

    public var text: String {
        var export = self
        return export.write()
    }

    private mutating func write() -> String {
        var blocks = ["# Made by 'sallyport perimeter export terraform': change perimeter.yaml and make it again."]
        if isStandalone { blocks.append(header) }
        let roles = declared.rolesInForce
        var references: [String: String] = [:]
        for role in roles {
            let name = names.unique(role.name)
            let type = groups == .resource ? "" : "data."
            references[role.group] = "\(type)aws_security_group.\(name).id"
            blocks += group(role, name)
        }
        for outside in outsideGroups(roles) {
            let name = names.unique(outside)
            references[outside] = "data.aws_security_group.\(name).id"
            blocks.append(lookup(outside, name))
        }
        for role in roles {
            for rule in declared.rules(of: role) { blocks += block(rule, role, references) }
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private var header: String {
        let region = declared.provider.aws?.region.map { "\n  region = \(Self.quoted($0))" } ?? ""
        return """
            terraform {
              required_providers {
                aws = {
                  source  = "hashicorp/aws"
                  version = ">= 5.0"
                }
              }
            }

            provider "aws" {\(region)
            }
            """
    }

    // MARK: Groups

    private func group(_ role: Role, _ name: String) -> [String] {
        guard groups == .resource else { return [lookup(role.group, name)] }
        let found = observed.group(role.group)
        // The description of a group can't be changed: another would make Terraform replace it.
        let description = found?.description ?? Planner.description(of: role)
        var blocks = [
            Self.block(
                #"resource "aws_security_group" "\#(name)""#,
                [
                    ("name", Self.quoted(found?.label ?? role.group)), ("description", Self.quoted(description)),
                    ("vpc_id", Self.quoted(found?.vpc ?? declared.provider.aws?.vpc ?? "")),
                ], tags: found?.tags ?? ["Name": role.group])
        ]
        if let found {
            blocks.append(Self.importing("aws_security_group.\(name)", found.id))
        } else {
            // A group that Terraform makes lets nothing out; one that is made otherwise lets everything.
            blocks.append(
                Self.block(
                    #"resource "aws_vpc_security_group_egress_rule" "\#(name)""#,
                    [
                        ("security_group_id", "aws_security_group.\(name).id"), ("ip_protocol", #""-1""#),
                        ("cidr_ipv4", #""0.0.0.0/0""#),
                    ]))
        }
        return blocks
    }

    /// Groups that rules name and that are no role's, and have no id to write.
    private func outsideGroups(_ roles: [Role]) -> [String] {
        let own = Set(roles.map(\.group))
        let named = roles.flatMap(declared.rules(of:)).compactMap { rule -> String? in
            guard case .group(let name) = rule.source, !own.contains(name), !name.hasPrefix("sg-") else { return nil }
            return name
        }
        return Set(named).sorted()
    }

    private func lookup(_ group: String, _ name: String) -> String {
        Self.block(
            #"data "aws_security_group" "\#(name)""#,
            group.hasPrefix("sg-")
                ? [("id", Self.quoted(group))]
                : [("name", Self.quoted(group)), ("vpc_id", Self.quoted(declared.provider.aws?.vpc ?? ""))])
    }

    // MARK: Rules

    private mutating func block(_ rule: Rule, _ role: Role, _ references: [String: String]) -> [String] {
        let name = names.unique("\(role.name)_\(rule.protocol)_\(rule.ports)_\(rule.source)")
        var lines = [("security_group_id", references[role.group] ?? Self.quoted(role.group))]
        let description = RuleDescription.text(declared.why(rule, of: role))
        if !description.isEmpty { lines.append(("description", Self.quoted(description))) }
        lines.append(("ip_protocol", rule.protocol == .all ? #""-1""# : Self.quoted("\(rule.protocol)")))
        if rule.protocol.hasMessages, let (type, code) = rule.ports.icmp {
            lines += [("from_port", "\(type)"), ("to_port", "\(code)")]
        } else if rule.protocol.hasPorts {
            lines += [("from_port", "\(rule.ports.from)"), ("to_port", "\(rule.ports.to)")]
        }
        switch rule.source {
        case .network(let network):
            lines.append((network.address.family == .v4 ? "cidr_ipv4" : "cidr_ipv6", Self.quoted("\(network)")))
        case .group(let group):
            lines.append(("referenced_security_group_id", references[group] ?? Self.quoted(group)))
        case .prefixList(let id):
            lines.append(("prefix_list_id", Self.quoted(id)))
        }
        let block = Self.block(#"resource "aws_vpc_security_group_ingress_rule" "\#(name)""#, lines)
        let wanted = observed.named(rule)
        let found = observed.group(role.group)?.ingress.first { observed.named($0.rule) == wanted }
        guard let found, !found.id.isEmpty else { return [block] }
        return [block, Self.importing("aws_vpc_security_group_ingress_rule.\(name)", found.id)]
    }

    // MARK: Text

    private static func importing(_ address: String, _ id: String) -> String {
        block("import", [("to", address), ("id", quoted(id))])
    }

    /// A block as 'terraform fmt' writes it.
    private static func block(
        _ head: String, _ lines: [(String, String)], tags: [String: String] = [:]
    ) -> String {
        "\(head) {\n" + aligned(lines, "  ") + tagLines(tags) + "}"
    }

    /// AWS's own tags are left out: nobody else can set them, and Terraform does not look at them.
    private static func tagLines(_ tags: [String: String]) -> String {
        let own = tags.filter { !$0.key.hasPrefix("aws:") }.sorted { $0.key < $1.key }
        guard !own.isEmpty else { return "" }
        return "  tags = {\n" + aligned(own.map { (quoted($0.key), quoted($0.value)) }, "    ") + "  }\n"
    }

    private static func aligned(_ lines: [(String, String)], _ indent: String) -> String {
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { "\(indent)\(PlainText.pad($0.0, width)) = \($0.1)\n" }.joined()
    }

    /// A string of HCL in which nothing is a template.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for character in PlainText.clean(text) {
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "{" where result.hasSuffix("$") || result.hasSuffix("%"):
                result.append(result.last ?? "$")
                result.append("{")
            default: result.append(character)
            }
        }
        return result + "\""
    }
}

/// Names of blocks: letters, digits, '_' and '-', each once.
private struct TerraformNames {
    private var taken: Set<String> = []

    mutating func unique(_ wish: String) -> String {
        let scalars = wish.unicodeScalars.map { scalar -> Character in
            let isFine =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "-")
            return isFine ? Character(scalar) : "_"
        }
        var name = String(scalars)
        if name.first.map({ !$0.isLetter && $0 != "_" }) ?? true { name = "_" + name }
        let base = name
        var number = 2
        while !taken.insert(name).inserted {
            name = "\(base)_\(number)"
            number += 1
        }
        return name
    }
}
