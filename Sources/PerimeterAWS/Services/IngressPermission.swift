/// A rule as EC2 is told it: one protocol, one range of ports, one source.
struct IngressPermission: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        case ipv4(String)
        case ipv6(String)
        /// A group's identifier, and its owner's where that is another account.
        case group(String, owner: String?)
        case prefixList(String)
    }

    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    var ipProtocol: String
    /// Nothing for all protocols; of ICMP the type and the code, -1 for any.
    var fromPort: Int?
    var toPort: Int?
    var source: Source
    /// At most 255 characters of ``descriptionCharacters``.
    var description: String?

    func write(_ prefix: String, into parameters: inout QueryParameters) {
        parameters.set("\(prefix).IpProtocol", ipProtocol)
        parameters.set("\(prefix).FromPort", fromPort)
        parameters.set("\(prefix).ToPort", toPort)
        let place: String
        switch source {
        case .ipv4(let network):
            place = "\(prefix).IpRanges.1"
            parameters.set("\(place).CidrIp", network)
        case .ipv6(let network):
            place = "\(prefix).Ipv6Ranges.1"
            parameters.set("\(place).CidrIpv6", network)
        case .group(let id, let owner):
            // The name is Groups on the wire, and UserIdGroupPairs everywhere else.
            place = "\(prefix).Groups.1"
            parameters.set("\(place).GroupId", id)
            parameters.set("\(place).UserId", owner)
        case .prefixList(let id):
            place = "\(prefix).PrefixListIds.1"
            parameters.set("\(place).PrefixListId", id)
        }
        parameters.set("\(place).Description", description)
    }

    private static let punctuation = Set(" ._-:/()#,@[]+=&;{}!$*".unicodeScalars)

    /// A description with what EC2 doesn't take replaced by a dash, cut to its 255 characters.
    static func fitting(_ text: String) -> String {
        var fitted = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(255) {
            let isTaken = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            fitted.append(isTaken || punctuation.contains(scalar) ? scalar : "-")
        }
        return String(fitted)
    }
}
