internal import CoreTypes
internal import Foundation

/// A table as the kernel has it.
struct KernelTable: Sendable {
    struct Chain: Sendable, Hashable {
        let name: String
        /// Nil: one that others jump to.
        let hook: String?
        let type: String?
        let policy: String?
    }

    /// Whether it is switched off as a whole.
    let isDormant: Bool
    let chains: [Chain]
    /// Of each chain, in their order.
    let rules: [String: [KernelRule]]

    /// - Parameters:
    ///   - json: the output of `nft -j -n list table`.
    ///   - text: the output of `nft -a -s list table`, for the words of rules.
    init(json: String, text: String) throws(NFTablesError) {
        let items: [JSONValue]
        do {
            items = try JSONValue(text: json)["nftables"]?.array ?? []
        } catch {
            throw NFTablesError(
                .badAnswer, "libnftables' JSON can't be read: \(error): see 'nft -j list ruleset', and report it")
        }
        let words = Self.words(text)
        var chains: [Chain] = []
        var sets: [String: JSONValue] = [:]
        var rules: [String: [KernelRule]] = [:]
        for item in items {
            if let set = item["set"], let name = set["name"]?.string {
                sets[name] = set["elem"] ?? .array([])
            } else if let chain = item["chain"], let name = chain["name"]?.string {
                chains.append(
                    Chain(
                        name: name, hook: chain["hook"]?.string, type: chain["type"]?.string,
                        policy: chain["policy"]?.string))
            }
        }
        for item in items {
            guard let rule = item["rule"], let chain = rule["chain"]?.string else { continue }
            let handle = rule["handle"]?.number ?? 0
            rules[chain, default: []].append(
                KernelRule(rule, text: words[handle] ?? "rule \(handle) of \(chain)", sets: sets))
        }
        self.chains = chains
        self.rules = rules
        // In libnftables 1.0.6, the JSON of a table's flags is whatever memory has there.
        isDormant = text.split(separator: "\n").contains { $0.hasPrefix("\tflags ") && $0.contains("dormant") }
    }

    /// By handle, the rules of a listing.
    private static func words(_ text: String) -> [Int: String] {
        var words: [Int: String] = [:]
        for line in text.split(separator: "\n") {
            guard let mark = line.range(of: " # handle ", options: .backwards),
                let handle = Int(line[mark.upperBound...])
            else { continue }
            words[handle] = String(line[..<mark.lowerBound].trimmingPrefix { $0 == "\t" || $0 == " " })
        }
        return words
    }

    var counters: [Ruleset.Key: Ruleset.Counter] {
        Dictionary(
            (rules[HostRules.chain] ?? []).compactMap { rule in
                rule.counter.map {
                    (Ruleset.Key(conditions: rule.conditions, isAccept: rule.verdict == .accept), $0)
                }
            }, uniquingKeysWith: { first, _ in first })
    }
}
