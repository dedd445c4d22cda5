internal import CoreTypes

/// From where, taken together: addresses, groups and prefix lists. Groups and lists are known by name only, and count as
/// neither part of any addresses nor of each other.
public struct SourceSet: Hashable, Sendable {
    public var addresses = AddressSet()
    public var groups: Set<String> = []
    public var prefixLists: Set<String> = []

    public init(addresses: AddressSet = AddressSet(), groups: Set<String> = [], prefixLists: Set<String> = []) {
        self.addresses = addresses
        self.groups = groups
        self.prefixLists = prefixLists
    }

    public init(_ sources: some Sequence<Source>) {
        var networks: [IPNetwork] = []
        for source in sources {
            switch source {
            case .network(let network): networks.append(network)
            case .group(let name): groups.insert(name)
            case .prefixList(let id): prefixLists.insert(id)
            }
        }
        addresses = AddressSet(networks)
    }

    public var isEmpty: Bool { addresses.isEmpty && groups.isEmpty && prefixLists.isEmpty }

    public func union(_ other: SourceSet) -> SourceSet {
        SourceSet(
            addresses: addresses.union(other.addresses), groups: groups.union(other.groups),
            prefixLists: prefixLists.union(other.prefixLists))
    }

    public func intersection(_ other: SourceSet) -> SourceSet {
        SourceSet(
            addresses: addresses.intersection(other.addresses), groups: groups.intersection(other.groups),
            prefixLists: prefixLists.intersection(other.prefixLists))
    }

    public func subtracting(_ other: SourceSet) -> SourceSet {
        SourceSet(
            addresses: addresses.subtracting(other.addresses), groups: groups.subtracting(other.groups),
            prefixLists: prefixLists.subtracting(other.prefixLists))
    }

    /// The fewest sources that make it up, in order.
    public var sources: [Source] {
        addresses.networks.map { .network($0) } + groups.sorted().map { .group($0) }
            + prefixLists.sorted().map { .prefixList($0) }
    }
}
